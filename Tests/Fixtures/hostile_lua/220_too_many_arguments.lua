-- 220 too many arguments
-- Tries:  thousands of arguments to a host function
-- Phase:  load
-- Expect: runtime
-- Match:  too many arguments
log.info(table.unpack({}, 1, 250))
log.info(("x"):rep(5000):byte(1, 5000))

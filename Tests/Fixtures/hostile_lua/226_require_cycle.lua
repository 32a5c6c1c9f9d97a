-- 226 require cycle
-- Tries:  modules that need each other
-- Phase:  load
-- Expect: runtime
-- Match:  requires itself
require "modules.cycle_a"

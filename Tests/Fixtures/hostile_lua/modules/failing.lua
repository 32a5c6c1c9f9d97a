every(1, print)
error({ "an object" })

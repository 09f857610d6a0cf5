-- Gives a lock back, if it is still held under this token.
-- KEYS  1 lock
-- ARGV  1 token
-- Returns 1 | 0
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0

-- Ties a bucket to a store, or finds to which it is tied. A state that names no incarnation yet waits for recovery; what
-- stands in its place is never the same twice, so that a recovery does not take a state that was lost and made anew for
-- the one that it has found.
-- KEYS  1 state
-- ARGV  1 store id, or '' to ask only
-- Returns {'BOUND', store id} | {'FREE'} not tied, and nobody asked to tie it
local store = redis.call('HGET', KEYS[1], 'store')
if store then
  return { 'BOUND', store }
end
if ARGV[1] == '' then
  return { 'FREE' }
end
allow_when_full(KEYS[1])
redis.call('HSET', KEYS[1], 'store', ARGV[1], 'run', 'none since ' .. integer_text(now_us()))
return { 'BOUND', ARGV[1] }

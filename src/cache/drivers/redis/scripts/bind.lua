-- Ties a bucket to a store, or finds to which it is tied.
-- KEYS  1 state
-- ARGV  1 store id, or '' to ask only, 2 epoch (8 digits), 3 run id of this Redis
-- Returns {'BOUND', store id} | {'FREE'} not tied, and nobody asked to tie it
local store = redis.call('HGET', KEYS[1], 'store')
if store then
  return { 'BOUND', store }
end
if ARGV[1] == '' then
  return { 'FREE' }
end
redis.call('HSET', KEYS[1], 'store', ARGV[1], 'epoch', ARGV[2], 'seq', string.rep('0', 16), 'run', ARGV[3])
return { 'BOUND', ARGV[1] }

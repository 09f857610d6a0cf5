-- Recovery, its last step: the bucket works again, under this incarnation and this epoch.
-- KEYS  1 state
-- ARGV  1 store id, 2 run as found or '', 3 epoch as found or '', 4 epoch (8 digits)
-- Returns {'MOVED'} someone else was faster | {'INSTALLED'}
if not is_as_found(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then
  return { 'MOVED' }
end
allow_when_full(KEYS[1])
local seq = redis.call('HGET', KEYS[1], 'seq')
if not seq or not string.find(seq, '^%d+$') then
  seq = string.rep('0', 16)
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[4], 'seq', seq, 'run', RUN)
return { 'INSTALLED' }

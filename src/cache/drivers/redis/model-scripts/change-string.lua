-- Changes an application's string if it still is as it was seen, is not Lockstep's own, and the lock is held.
-- KEYS  1 key, 2 lock, 3 the meta that the key has if it is Lockstep's own
-- ARGV  1 token of the lock, 2 SHA-1 of the bytes seen or '' for no key, 3 'set' or 'remove', 4 new bytes, 5 TTL in ms or '' to keep
-- Returns 'changed' | 'moved' | 'unlocked' | 'lockstep'
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
  return 'unlocked'
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 'lockstep'
end
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'none' then
  if ARGV[2] ~= '' then
    return 'moved'
  end
elseif kind ~= 'string' or ARGV[2] == '' or redis.sha1hex(redis.call('GET', KEYS[1])) ~= ARGV[2] then
  return 'moved'
end
if ARGV[3] == 'remove' then
  redis.call('UNLINK', KEYS[1])
elseif ARGV[5] == '' then
  redis.call('SET', KEYS[1], ARGV[4], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return 'changed'

-- Changes an application's hash if it still is as it was seen, is not Lockstep's own, and the lock is held.
-- KEYS  1 key, 2 lock, 3 the meta that the key has if it is Lockstep's own
-- ARGV  1 token of the lock, 2 'set' or 'remove', 3 TTL in ms or '' to keep, 4 'all' or 'some' of its fields are ours,
--       5 number of fields seen, then for each: name, '1' or '0' for not there, value; then for each new field: name, value
-- Returns 'changed' | 'moved' | 'unlocked' | 'lockstep'
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
  return 'unlocked'
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 'lockstep'
end
local key, is_all, count = KEYS[1], ARGV[4] == 'all', tonumber(ARGV[5])
local kind = redis.call('TYPE', key)['ok']
if kind ~= 'hash' and kind ~= 'none' then
  return 'moved'
end
if is_all and redis.call('HLEN', key) ~= count then
  return 'moved'
end
for i = 0, count - 1 do
  local at = 6 + 3 * i
  local value = redis.call('HGET', key, ARGV[at])
  local is_as_seen
  if ARGV[at + 1] == '1' then
    is_as_seen = value == ARGV[at + 2]
  else
    is_as_seen = not value
  end
  if not is_as_seen then
    return 'moved'
  end
end
local ttl = ARGV[3]
if ttl == '' then
  ttl = redis.call('PTTL', key)
end
if is_all then
  redis.call('UNLINK', key)
else
  for i = 0, count - 1 do
    redis.call('HDEL', key, ARGV[6 + 3 * i])
  end
end
if ARGV[2] == 'remove' then
  return 'changed'
end
for at = 6 + 3 * count, #ARGV, 2 do
  redis.call('HSET', key, ARGV[at], ARGV[at + 1])
end
if tonumber(ttl) > 0 then
  redis.call('PEXPIRE', key, ttl)
end
return 'changed'

-- Drops what the cache holds of a key, if it is still as observed. A value of another type stays.
-- KEYS  1 user key, 2 meta, 3 state, 4 pending
-- ARGV  1 store id, 2 'copy' | 'copy_and_marker' | 'marker', 3 seen meta, 4 seen value present '1' or '0',
--       5 seen value, 6 seen marker
-- Returns {'FENCED'} | {'DROPPED'} | {'MOVED'}
if is_fenced(KEYS[3], ARGV[1]) then
  return { 'FENCED' }
end
if not is_as_seen(KEYS[1], KEYS[2], KEYS[4], ARGV[3], ARGV[4], ARGV[5], ARGV[6]) then
  return { 'MOVED' }
end
if ARGV[2] ~= 'marker' then
  unlink_value(KEYS[1])
  redis.call('UNLINK', KEYS[2])
end
if ARGV[2] ~= 'copy' then
  redis.call('ZREM', KEYS[4], KEYS[1])
end
return { 'DROPPED' }

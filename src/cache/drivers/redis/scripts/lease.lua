-- Takes the fill lease of a key.
-- KEYS  1 state, 2 lease
-- ARGV  1 store id, 2 token, 3 life of the lease in ms
-- Returns {'FENCED'} | {'TAKEN'} | {'HELD'} by someone else
if is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then
  return { 'TAKEN' }
end
return { 'HELD' }

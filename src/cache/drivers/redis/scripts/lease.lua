-- Takes the fill lease of a key.
-- KEYS  1 state, 2 lease
-- ARGV  1 store id, 2 token, 3 life of the lease in ms, 4 'free' only if nobody holds it, 'anyone' from its holder too
-- Returns {'FENCED'} | {'TAKEN'} | {'HELD'} by someone else | {'FULL'} no memory, so a fill would fail too
if is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
local taken
if ARGV[4] == 'anyone' then
  taken = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
else
  taken = redis.pcall('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3])
end
if is_full(taken) then
  return { 'FULL' }
end
return { taken and 'TAKEN' or 'HELD' }

-- Puts a shadow entry into the cache as a clean copy. Every write voids the lease, so a fill that looked at the shadow
-- before a write cannot cover it.
-- KEYS  1 user key, 2 meta, 3 state, 4 pending, 5 lease
-- ARGV  1 store id, 2 lease token, 3 value, 4 first 16 bytes of its SHA-256, 5 version, 6 expiresAt or '',
--       7 residency in ms or '', 8 '' to fill an absent key, 'stamp' to give an equal value its meta,
--       9 its idempotency records as the meta packs them, or ''
-- Returns {'FENCED'} | {'FILLED'} | {'SKIPPED'}
if is_fenced(KEYS[3], ARGV[1]) then
  return { 'FENCED' }
end
if redis.call('GET', KEYS[5]) ~= ARGV[2] then
  return { 'SKIPPED' }
end
local function skip()
  redis.call('UNLINK', KEYS[5])
  return { 'SKIPPED' }
end
if redis.call('ZSCORE', KEYS[4], KEYS[1]) then
  return skip()
end
if ARGV[6] ~= '' and tonumber(ARGV[6]) <= math.floor(now_us() / 1000) then
  return skip()
end
local meta = read_meta(KEYS[2])
if ARGV[8] == 'stamp' then
  if meta or redis.pcall('GET', KEYS[1]) ~= ARGV[3] then
    return skip()
  end
else
  if meta and version_of(meta) > ARGV[5] or redis.call('EXISTS', KEYS[1]) == 1 then
    return skip()
  end
end
-- The first write of the script, so that a full Redis refuses it; the read it is for has its answer without.
if is_full(redis.pcall('SET', KEYS[1], ARGV[3])) then
  return skip()
end
make_clean(KEYS[1], KEYS[2], pack_meta('L', ARGV[5], ARGV[4]) .. ARGV[6] .. ARGV[9], ARGV[7], '0')
redis.call('UNLINK', KEYS[5])
return { 'FILLED' }

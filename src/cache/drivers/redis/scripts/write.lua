-- Decides and makes one write: the authority's step. The marker comes before the value, because Redis does not roll
-- a script back: a value without its marker could be evicted before the shadow has it.
-- KEYS  1 user key, 2 meta, 3 state, 4 pending, 5 lease
-- ARGV  1 store id, 2 'set' or 'delete', 3 value, 4 first 16 bytes of its SHA-256, 5 TTL in ms or '', 6 ids as JSON
--       or '', 7 '1' pinned or '0', 8 guard: '' none, 'seen' as observed, 'lease' as observed and the lease held
--       (without which a key that has no meta counts as moved),
--       9 seen meta, 10 seen value present '1' or '0', 11 seen value, 12 seen marker, 13 lease token
-- Returns {'FENCED'} | {'WRONG_TYPE', type} | {'MOVED'}
--       | {'WRITTEN', version, existed: '1', '0' or '?' where the cache holds nothing of the key, expiresAt or ''}
local state = redis.call('HMGET', KEYS[3], 'store', 'epoch', 'seq')
if state[1] ~= ARGV[1] then
  return { 'FENCED' }
end
local kind = type_of(KEYS[1])
if kind ~= 'none' and kind ~= 'string' then
  return { 'WRONG_TYPE', kind }
end
if ARGV[8] ~= '' then
  -- A key without meta may have been written and evicted meanwhile: only the lease, which a write voids, can tell.
  if ARGV[8] == 'lease' and redis.call('GET', KEYS[5]) ~= ARGV[13] or ARGV[8] == 'seen' and ARGV[9] == '' then
    return { 'MOVED' }
  end
  if not is_as_seen(KEYS[1], KEYS[2], KEYS[4], ARGV[9], ARGV[10], ARGV[11], ARGV[12]) then
    return { 'MOVED' }
  end
end

local time_us = now_us()
local seq = math.max(tonumber(state[3]) + 1, time_us)
local seq_text = string.format('%016.0f', seq)
local version = state[2] .. seq_text

local meta = read_meta(KEYS[2])
local existed = '?'
if meta and expires_at(meta) and expires_at(meta) <= math.floor(time_us / 1000) then
  existed = '0'
elseif kind == 'string' and not (meta and string.sub(meta, 1, 1) == 'T') then
  existed = '1'
elseif meta and string.sub(meta, 1, 1) == 'T' then
  existed = '0'
elseif meta and redis.call('ZSCORE', KEYS[4], KEYS[1]) then
  existed = '0'
end

redis.call('HSET', KEYS[3], 'seq', seq_text)
if ARGV[7] == '1' then
  redis.call('ZADD', KEYS[4], 'NX', seq_text, KEYS[1])
end
local ids = ARGV[6] == '' and '' or '|' .. ARGV[6]
local deadline = ''
if ARGV[2] == 'set' then
  if ARGV[5] ~= '' then
    deadline = integer_text(math.floor(time_us / 1000) + tonumber(ARGV[5]))
  end
  redis.call('SET', KEYS[1], ARGV[3])
  redis.call('SET', KEYS[2], pack_meta('L', version, ARGV[4]) .. deadline .. ids)
else
  redis.call('UNLINK', KEYS[1])
  redis.call('SET', KEYS[2], pack_meta('T', version, string.rep('\0', 16)) .. ids)
end
redis.call('UNLINK', KEYS[5])
return { 'WRITTEN', version, existed, deadline }

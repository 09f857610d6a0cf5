-- Decides and makes one write: the authority's step. The marker comes before the value, because Redis does not roll
-- a script back: a value without its marker could be evicted before the shadow has it.
-- KEYS  1 user key, 2 meta, 3 state, 4 pending, 5 lease
-- ARGV  1 store id, 2 'set' or 'delete', 3 value, 4 first 16 bytes of its SHA-256, 5 TTL in ms or '', 6 ids as JSON
--       or '', 7 '1' pinned or '0', 8 guard: '' none, 'seen' as observed, 'lease' as observed and the lease held
--       (without which a key that has no meta counts as moved),
--       9 seen meta, 10 seen value present '1' or '0', 11 seen value, 12 seen marker, 13 lease token,
--       14 idempotency mark (32 bytes: its key's hash, its arguments' hash) or '', 15 with a guard: the records that the
--       store has, as the meta packs them, or '', 16 condition: '' none, 'version' or 'absent', 17 the version it names
-- Returns {'FENCED'} | {'WRONG_TYPE', type} | {'MOVED'}
--       | {'COLD'} what the cache holds is not enough to judge condition or idempotency
--       | {'REUSED'} the idempotency key had other arguments | {'CONFLICT', version or 'absent'} the condition fails
--       | {'REPEATED', version of the first write, '1' while the shadow may lack it or '0', '1' if it is the last write or
--         '0', its expiresAt or '' if it is, records}
--       | {'WRITTEN', version, existed: '1', '0' or '?' where the cache holds nothing of the key, expiresAt or '', records}

-- The version of the write that had this mark, 'REUSED' where its arguments were others, false where none is remembered.
local function recall(records, mark)
  for at = 3, #records, RECORD_BYTES do
    if string.sub(records, at, at + 15) == string.sub(mark, 1, 16) then
      local has_same_arguments = string.sub(records, at + 16, at + 31) == string.sub(mark, 17)
      return has_same_arguments and unpack_version(records, at + 32) or 'REUSED'
    end
  end
  return false
end

-- The records with one more, of which the last four stay.
local function remember(records, mark, version)
  local kept = string.sub(string.sub(records, 3) .. mark .. pack_version(version), -4 * RECORD_BYTES)
  return '#' .. string.char(#kept / RECORD_BYTES) .. kept
end

-- The marker's score, which few writes need.
local function score()
  return redis.call('ZSCORE', KEYS[4], KEYS[1])
end

local function deadline_of(meta)
  local deadline = expires_at(meta)
  return deadline and integer_text(deadline) or ''
end

-- As is_fenced, with what else is needed of the state.
local state = redis.call('HMGET', KEYS[3], 'store', 'run', 'epoch', 'seq')
if state[1] ~= ARGV[1] or state[2] ~= RUN or is_another_run() then
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

local meta = read_meta(KEYS[2])
local time_us = now_us()
local is_tombstone = meta and string.sub(meta, 1, 1) == 'T'
local is_expired = meta and expires_at(meta) and expires_at(meta) <= math.floor(time_us / 1000)
-- A list in the meta is complete, and no list says nothing: a write that found no meta did not look at the store's.
local records = meta and records_of(meta) or ''
if records == '' then
  records = ARGV[15]
end

if ARGV[14] ~= '' and ARGV[8] == '' then
  if records == '' then
    return { 'COLD' }
  end
  local first = recall(records, ARGV[14])
  if first == 'REUSED' then
    return { 'REUSED' }
  end
  if first then
    local is_last = version_of(meta) == first
    local marked_at = score()
    return {
      'REPEATED',
      first,
      marked_at and tonumber(marked_at) <= seq_of(first) and '1' or '0',
      is_last and '1' or '0',
      is_last and deadline_of(meta) or '',
      records,
    }
  end
end

if ARGV[16] ~= '' then
  local standing
  if not meta then
    return { 'COLD' }
  elseif is_tombstone or is_expired then
    standing = 'absent'
  elseif kind == 'string' then
    standing = version_of(meta)
  elseif score() then
    -- Nothing evicts a marked value: a person or program has removed it.
    standing = 'absent'
  else
    -- Evicted or removed: the store knows what a reader would get.
    return { 'COLD' }
  end
  if standing ~= (ARGV[16] == 'absent' and 'absent' or ARGV[17]) then
    return { 'CONFLICT', standing }
  end
end

local seq = math.max(tonumber(state[4]) + 1, time_us)
local seq_text = string.format('%016.0f', seq)
local version = state[3] .. seq_text

local existed = '?'
if is_tombstone or is_expired then
  existed = '0'
elseif kind == 'string' then
  existed = '1'
elseif meta and score() then
  existed = '0'
end
if ARGV[14] ~= '' then
  records = remember(records, ARGV[14], version)
end

if ARGV[7] == '1' then
  redis.call('HSET', KEYS[3], 'seq', seq_text)
  redis.call('ZADD', KEYS[4], 'NX', seq_text, KEYS[1])
else
  redis.call('HSET', KEYS[3], 'seq', seq_text, 'unpinned', seq_text)
end
local rest = records .. (ARGV[6] == '' and '' or '|' .. ARGV[6])
local deadline = ''
if ARGV[2] == 'set' then
  if ARGV[5] ~= '' then
    deadline = integer_text(math.floor(time_us / 1000) + tonumber(ARGV[5]))
  end
  redis.call('SET', KEYS[1], ARGV[3])
  redis.call('SET', KEYS[2], pack_meta('L', version, ARGV[4]) .. deadline .. rest)
else
  redis.call('UNLINK', KEYS[1])
  redis.call('SET', KEYS[2], pack_meta('T', version, string.rep('\0', 16)) .. rest)
end
redis.call('UNLINK', KEYS[5])
return { 'WRITTEN', version, existed, deadline, records }

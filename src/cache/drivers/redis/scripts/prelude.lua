-- What the scripts share: each is given the definitions that it uses, which blank lines separate, after two definitions that name one incarnation of the server: RUN, its id as a bucket's
-- state names it, and is_another_run(), for servers that keep scripts from one incarnation to the next. The meta beside a user key is one packed string:
--   1      'L' live or 'T' tombstone
--   2-12   version: epoch (4 bytes) and seq (7 bytes), big-endian
--   13-28  first 16 bytes of the value's SHA-256 (zero bytes for a tombstone)
--   29-    expiresAt in ms since 1970, or nothing;
--          then, where idempotency keys were used, '#', how many (one byte, 1 to 4), and for each of them, oldest first,
--          43 bytes: 16 of the key's SHA-256, 16 of its arguments' SHA-256, and the version as above;
--          then, until acknowledged, '|' and the writer's ids as JSON
-- Anything else at the meta key is treated as absent (ids that no one can read, as no ids). The version is packed because Redis keeps strings of up to 28
-- bytes in 48 bytes of memory, and its 24 digits would make it 64 for every clean key.

local RECORD_BYTES = 43

-- Where the idempotency records begin and what follows them does: the same place where there are none. Bytes that say
-- something else than the layout end nowhere.
local function records_at(meta)
  local from = 29 + #string.match(meta, '^%d*', 29)
  if string.sub(meta, from, from) ~= '#' then
    return from, from
  end
  local count = string.byte(meta, from + 1) or 0
  if count < 1 or count > 4 then
    return from, math.huge
  end
  return from, from + 2 + RECORD_BYTES * count
end

local function read_meta(key)
  local meta = redis.pcall('GET', key)
  -- No epoch is ever so high that its first byte is not zero.
  if type(meta) ~= 'string' or #meta < 28 or not string.find(meta, '^[LT]%z') then
    return false
  end
  local from, after = records_at(meta)
  if from - 29 > 16 or after > #meta + 1 then
    return false
  end
  if after <= #meta and not string.find(meta, '^|%[.*%]$', after) then
    return false
  end
  return meta
end

-- The idempotency records of a meta as they are packed; '' where it has none.
local function records_of(meta)
  local from, after = records_at(meta)
  return string.sub(meta, from, after - 1)
end

-- The meta as it is once it is acknowledged, and as guards compare it.
local function without_ids(meta)
  local _, after = records_at(meta)
  return string.sub(meta, 1, after - 1)
end

local function unpack_version(packed, at)
  return string.format('%08.0f%016.0f', struct.unpack('>I4I7', packed, at))
end

local function version_of(meta)
  return unpack_version(meta, 2)
end

-- Lua's own number to text conversion would turn 1.7e15 into an exponent and lose digits.
local function seq_of(version)
  return tonumber(string.sub(version, 9))
end

local function integer_text(number)
  return string.format('%.0f', number)
end

local function pack_version(version)
  return struct.pack('>I4I7', tonumber(string.sub(version, 1, 8)), seq_of(version))
end

local function pack_meta(kind, version, hash)
  return kind .. pack_version(version) .. hash
end

local function expires_at(meta)
  return tonumber(string.match(meta, '^%d*', 29))
end

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A state that is missing, or names another store or another incarnation of the server: what stands in the bucket may be
-- older than what was acknowledged, so nothing is done before it has been recovered.
local function is_fenced(state_key, store_id)
  local state = redis.call('HMGET', state_key, 'store', 'run')
  return state[1] ~= store_id or state[2] ~= RUN or is_another_run()
end

-- Whether a state is still as recovery found it ('' for a field that is missing). The seq may have moved on.
local function is_as_found(state_key, store_id, run, epoch)
  local state = redis.call('HMGET', state_key, 'store', 'run', 'epoch')
  return state[1] == store_id and (state[2] or '') == run and (state[3] or '') == epoch and not is_another_run()
end

-- 'none', 'string', or the type of a key that belongs to another program.
local function type_of(key)
  return redis.call('TYPE', key)['ok']
end

-- Redis refuses a script's first write while its memory is full, and none after one that cannot need memory. This is
-- one that changes nothing: for steps that are what lets memory be freed.
local function allow_when_full(state_key)
  redis.call('PERSIST', state_key)
end

-- Whether a pcall was refused because memory is full; any other refusal ends the script.
local function is_full(reply)
  local refusal = type(reply) == 'table' and reply['err']
  if not refusal then
    return false
  end
  if string.find(refusal, 'OOM', 1, true) then
    return true
  end
  error(refusal)
end

-- Removes a value of ours; a key of another type is never touched.
local function unlink_value(key)
  if type_of(key) == 'string' then
    redis.call('UNLINK', key)
  end
end

-- Makes an acknowledged copy clean: ids dropped, and value and meta under the same deadline. A tombstone lives for
-- the grace time, a value until it expires or its residency ends, whichever is first ('' = no residency limit).
local function make_clean(user_key, meta_key, meta, residency_ms, grace_ms)
  local now_ms = math.floor(now_us() / 1000)
  local kept = without_ids(meta)
  local deadline
  if string.sub(meta, 1, 1) == 'T' then
    deadline = now_ms + tonumber(grace_ms)
  else
    deadline = expires_at(meta)
    if residency_ms ~= '' then
      local resident_until = now_ms + tonumber(residency_ms)
      if not deadline or resident_until < deadline then
        deadline = resident_until
      end
    end
  end
  if not deadline then
    redis.call('SET', meta_key, kept)
    return
  end
  redis.call('SET', meta_key, kept, 'PXAT', integer_text(deadline))
  -- A key of another type, which has taken the value's place, must not end with it.
  if string.sub(meta, 1, 1) == 'L' and type_of(user_key) == 'string' then
    redis.call('PEXPIREAT', user_key, integer_text(deadline))
  end
end

-- Whether a key still looks as someone observed it: meta bytes without ids ('' = none), value ('1' and its bytes, or '0'),
-- marker score ('' = none).
local function is_as_seen(user_key, meta_key, pending_key, seen_meta, seen_has_value, seen_value, seen_marker)
  local meta = read_meta(meta_key)
  if (meta and without_ids(meta) or '') ~= seen_meta then
    return false
  end
  local score = redis.call('ZSCORE', pending_key, user_key)
  if (score and integer_text(tonumber(score)) or '') ~= seen_marker then
    return false
  end
  local value = redis.pcall('GET', user_key)
  if type(value) == 'table' then
    return false
  end
  if not value then
    return seen_has_value == '0'
  end
  return seen_has_value == '1' and value == seen_value
end

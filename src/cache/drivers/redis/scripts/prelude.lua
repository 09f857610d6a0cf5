-- Put in front of every script. The meta beside a user key is one packed string:
--   1      'L' live or 'T' tombstone
--   2-25   version: epoch (8 digits) and seq (16 digits)
--   26-41  first 16 bytes of the value's SHA-256 (zero bytes for a tombstone)
--   42-    expiresAt in ms since 1970, or nothing; then, until acknowledged, '|' and the writer's ids as JSON
-- Anything else at the meta key is treated as absent.

local function read_meta(key)
  local meta = redis.pcall('GET', key)
  if type(meta) == 'string' and #meta >= 41 and string.find(meta, '^[LT]%d%d%d%d%d%d%d%d') then
    return meta
  end
  return false
end

local function version_of(meta)
  return string.sub(meta, 2, 25)
end

-- Lua's own number to text conversion would turn 1.7e15 into an exponent and lose digits.
local function seq_of(version)
  return tonumber(string.sub(version, 9))
end

local function integer_text(number)
  return string.format('%.0f', number)
end

local function expires_at(meta)
  return tonumber(string.match(meta, '^%d*', 42))
end

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A state that is missing or names another store: the caller must bind the bucket first.
local function is_fenced(state_key, store_id)
  return redis.call('HGET', state_key, 'store') ~= store_id
end

-- 'none', 'string', or the type of a key that belongs to another program.
local function type_of(key)
  return redis.call('TYPE', key)['ok']
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
  local bar = string.find(meta, '|', 42, true)
  local kept = bar and string.sub(meta, 1, bar - 1) or meta
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
  if string.sub(meta, 1, 1) == 'L' then
    redis.call('PEXPIREAT', user_key, integer_text(deadline))
  end
end

-- Whether a key still looks as someone observed it: meta bytes ('' = none), value ('1' and its bytes, or '0'),
-- marker score ('' = none).
local function is_as_seen(user_key, meta_key, pending_key, seen_meta, seen_has_value, seen_value, seen_marker)
  if (read_meta(meta_key) or '') ~= seen_meta then
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

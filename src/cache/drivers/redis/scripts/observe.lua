-- Reads all that the cache knows of some keys of one bucket, at one instant.
-- KEYS  1 state, 2 pending, then for each key: user key, meta
-- ARGV  1 store id, 2 'lost too' to read also a bucket that is being recovered, else ''
-- Returns {'FENCED'} | {'SEEN', now in ms, then for each key: {value or nil, type of a key that is no string or nil,
--         meta or nil, marker score or nil, PTTL, PTTL of the meta}}
if ARGV[2] == '' and is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
-- The clock may tick between two PTTL, and equal deadlines have to look equal.
local function ttls_of(user_key, meta_key)
  local ttl, meta_ttl
  for _ = 1, 3 do
    ttl, meta_ttl = redis.call('PTTL', user_key), redis.call('PTTL', meta_key)
    if ttl == meta_ttl or redis.call('PTTL', user_key) == ttl then
      break
    end
  end
  return ttl, meta_ttl
end

local has_markers = redis.call('EXISTS', KEYS[2]) == 1
local seen = { 'SEEN', integer_text(math.floor(now_us() / 1000)) }
for i = 3, #KEYS, 2 do
  local value = redis.pcall('GET', KEYS[i])
  local foreign = false
  if type(value) == 'table' then
    value = false
    foreign = type_of(KEYS[i])
  end
  local score = has_markers and redis.call('ZSCORE', KEYS[2], KEYS[i])
  local ttl, meta_ttl = ttls_of(KEYS[i], KEYS[i + 1])
  seen[#seen + 1] = {
    value,
    foreign,
    read_meta(KEYS[i + 1]),
    score and integer_text(tonumber(score)),
    ttl,
    meta_ttl,
  }
end
return seen

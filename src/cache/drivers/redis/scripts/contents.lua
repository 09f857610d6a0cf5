-- Reads what the cache knows of some keys of one bucket, at one instant, but not how long it will.
-- KEYS  1 state, 2 pending, then for each key: user key, meta
-- ARGV  1 store id, 2 'values' or 'lengths'
-- Returns {'FENCED'} | {'SEEN', now in ms, then four for each key: value or its length, or nil, type of a key that is no
--         string or nil, meta or nil, marker score or nil}
if is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
local has_markers = redis.call('EXISTS', KEYS[2]) == 1
local seen = { 'SEEN', integer_text(math.floor(now_us() / 1000)) }
local read = ARGV[2] == 'values' and 'GET' or 'STRLEN'
for i = 3, #KEYS, 2 do
  local value = redis.pcall(read, KEYS[i])
  local foreign = false
  if type(value) == 'table' then
    value = false
    foreign = type_of(KEYS[i])
  elseif value == 0 and redis.call('EXISTS', KEYS[i]) == 0 then
    value = false
  end
  local score = has_markers and redis.call('ZSCORE', KEYS[2], KEYS[i])
  local at = #seen
  seen[at + 1] = value
  seen[at + 2] = foreign
  seen[at + 3] = read_meta(KEYS[i + 1])
  seen[at + 4] = score and integer_text(tonumber(score))
end
return seen

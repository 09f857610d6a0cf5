-- Reads how long some keys of one bucket have to live. A write that the store does not have yet carries no TTL in
-- Redis; its own deadline stands in its meta.
-- KEYS  1 state, then for each key: user key, meta
-- ARGV  1 store id
-- Returns {'FENCED'} | {'TTL', for each key: -2 no value, -1 no end, else milliseconds}
if is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
local now_ms = math.floor(now_us() / 1000)
local answer = { 'TTL' }
for i = 2, #KEYS, 2 do
  local ttl = redis.call('PTTL', KEYS[i])
  local meta = ttl ~= -2 and read_meta(KEYS[i + 1])
  local deadline = meta and expires_at(meta)
  if deadline then
    local left = math.max(0, deadline - now_ms)
    ttl = ttl == -1 and left or math.min(ttl, left)
  end
  answer[#answer + 1] = ttl
end
return answer

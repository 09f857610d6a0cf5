-- Tells which of some keys exist. Asked by scans, which look for what is there, whatever has become of a bucket's state.
-- KEYS  any
-- ARGV  none
-- Returns {'EXIST', for each key: 1 or 0}
local answer = { 'EXIST' }
for i = 1, #KEYS do
  answer[i + 1] = redis.call('EXISTS', KEYS[i])
end
return answer

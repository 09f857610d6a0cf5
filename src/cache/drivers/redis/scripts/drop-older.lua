-- Recovery: drops each cached copy, marker included, that is older than its shadow entry; a copy without meta counts as
-- older. A value of another type stays.
-- KEYS  1 state, 2 pending, then for each key: user key, meta
-- ARGV  1 store id, 2 run as found or '', 3 epoch as found or '', then for each key: version of its shadow entry
-- Returns {'MOVED'} | {'DONE', for each key: '' nothing dropped, else the version that was dropped or '?' without meta}
if not is_as_found(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then
  return { 'MOVED' }
end
allow_when_full(KEYS[1])
local done = { 'DONE' }
for i = 3, #KEYS, 2 do
  local user_key, meta_key = KEYS[i], KEYS[i + 1]
  local meta = read_meta(meta_key)
  local dropped = ''
  if not meta or version_of(meta) < ARGV[4 + (i - 3) / 2] then
    local is_there = type_of(user_key) == 'string'
    local was_marked = redis.call('ZREM', KEYS[2], user_key) == 1
    if meta or is_there or was_marked then
      dropped = meta and version_of(meta) or '?'
    end
    unlink_value(user_key)
    redis.call('UNLINK', meta_key)
  end
  done[#done + 1] = dropped
end
return done

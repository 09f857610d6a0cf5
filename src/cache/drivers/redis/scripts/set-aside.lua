-- Recovery: takes copies, pending ones too, out of use, because their rows may have been purged. The value is kept for a
-- person to look at; a tombstone has none. A value of another type stays.
-- KEYS  1 state, 2 pending, then for each key: user key, meta, where the value is kept
-- ARGV  1 store id, 2 run as found or '', 3 epoch as found or '', 4 how long it is kept, ms
-- Returns {'MOVED'} | {'DONE', for each key: '' nothing was there, else its version or '?' without meta}
if not is_as_found(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then
  return { 'MOVED' }
end
allow_when_full(KEYS[1])
local done = { 'DONE' }
for i = 3, #KEYS, 3 do
  local user_key, meta_key, aside_key = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  local meta = read_meta(meta_key)
  local was_marked = redis.call('ZREM', KEYS[2], user_key) == 1
  local is_there = type_of(user_key) == 'string'
  if is_there then
    redis.call('RENAME', user_key, aside_key)
    redis.call('PEXPIRE', aside_key, ARGV[4])
  end
  redis.call('UNLINK', meta_key)
  done[#done + 1] = (meta and version_of(meta)) or (is_there or was_marked) and '?' or ''
end
return done

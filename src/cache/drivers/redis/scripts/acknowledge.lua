-- Pinned: tells the cache which version the shadow has now, for keys of one bucket. Only this clears a marker.
-- The lease goes always: a reader may have taken it after the write and looked at the shadow before it landed. Until now
-- the marker has kept that reader from filling; from now on nothing would, once the clean copy is evicted.
-- KEYS  1 state, 2 pending, then for each key: user key, meta, lease
-- ARGV  1 store id, 2 residency in ms or '', 3 grace time of a tombstone in ms, then for each key: version
-- Returns {'FENCED'} | {'DONE', for each key: 'clean' the copy was this version, 'newer' the copy is ahead,
--         'dropped' the copy was behind, 'absent' there was no meta}
if is_fenced(KEYS[1], ARGV[1]) then
  return { 'FENCED' }
end
allow_when_full(KEYS[1])
local done = { 'DONE' }
for i = 3, #KEYS, 3 do
  local user_key, meta_key = KEYS[i], KEYS[i + 1]
  local version = ARGV[4 + (i - 3) / 3]
  redis.call('UNLINK', KEYS[i + 2])
  local meta = read_meta(meta_key)
  local standing = meta and version_of(meta)
  local outcome
  if not meta then
    local score = redis.call('ZSCORE', KEYS[2], user_key)
    if score and tonumber(score) <= seq_of(version) then
      redis.call('ZREM', KEYS[2], user_key)
      score = nil
    end
    -- Of an earlier epoch, it has landed after recovery had looked, which would have dropped a value without meta.
    if not score and tonumber(string.sub(version, 1, 8)) < tonumber(redis.call('HGET', KEYS[1], 'epoch')) then
      unlink_value(user_key)
    end
    outcome = 'absent'
  elseif standing == version then
    make_clean(user_key, meta_key, meta, ARGV[2], ARGV[3])
    redis.call('ZREM', KEYS[2], user_key)
    outcome = 'clean'
  elseif standing > version then
    -- The oldest write that the shadow lacks is now a later one: a hot key's lag stays its true lag.
    redis.call('ZADD', KEYS[2], 'XX', 'GT', integer_text(seq_of(version) + 1), user_key)
    outcome = 'newer'
  else
    unlink_value(user_key)
    redis.call('UNLINK', meta_key)
    redis.call('ZREM', KEYS[2], user_key)
    outcome = 'dropped'
  end
  done[#done + 1] = outcome
end
return done

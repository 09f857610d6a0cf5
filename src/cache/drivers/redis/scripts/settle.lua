-- Unpinned: shadow or outbox has this version ('settle'), or neither took it ('withdraw'). The lease goes always: a reader that looked at the shadow before this
-- version landed must not fill what it saw.
-- KEYS  1 user key, 2 meta, 3 state, 4 lease, 5 pending
-- ARGV  1 store id, 2 'settle' or 'withdraw', 3 version, 4 residency in ms or '', 5 grace time of a tombstone in ms
-- Returns {'FENCED'} | {'clean'} the copy is this version | {'newer'} it stays | {'dropped'} it was behind, had no meta
--         or is withdrawn | {'kept'} it is not withdrawn: a marker says that an earlier write, which was acknowledged from
--         the journal and which this copy has replaced, is in no other place
if is_fenced(KEYS[3], ARGV[1]) then
  return { 'FENCED' }
end
redis.call('UNLINK', KEYS[4])
local meta = read_meta(KEYS[2])
local is_this = meta and version_of(meta) == ARGV[3]
if ARGV[2] == 'settle' then
  if is_this then
    make_clean(KEYS[1], KEYS[2], meta, ARGV[4], ARGV[5])
    return { 'clean' }
  end
  if meta and version_of(meta) > ARGV[3] then
    return { 'newer' }
  end
elseif meta and not is_this then
  return { 'newer' }
elseif redis.call('ZSCORE', KEYS[5], KEYS[1]) then
  return { 'kept' }
end
unlink_value(KEYS[1])
redis.call('UNLINK', KEYS[2])
return { 'dropped' }

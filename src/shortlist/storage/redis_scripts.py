"""Lua scripts of the Redis store: each one is atomic.

Keys begin with the prefix in KEYS[1]::

    sequence, available   the newest sequence and stamp
    ids:BUCKET            hashes of ids, in sets small enough for Redis to pack (8 bytes an id)
    events                stream: SEQUENCE-0 -> user, available, event
    user:USER             list: "SEQUENCE event", in order; a run is one entry, under its last sequence
    forgotten             hash of the user -> "SEQUENCE moment"
    exposures             stream: shown
    deleted, change       set of items, and how often it changed
    arrivals              list: JSON of [item, attributes], as items were added
    format                of these keys

Numbers stay below 2 to the power of 53, up to which Lua is exact.
"""

_NOW = """
local p = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(n) return string.format('%.0f', n) end
local sequence = tonumber(redis.call('GET', p .. 'sequence') or '0')
"""

# ARGV: for each run its user, its ids ("BUCKET NUMBER BUCKET NUMBER ..."), the lengths of its events in bytes
# ("90 91 ..."), and its events one after the other. Returns a 1 for each event that is new, else a 0.
ACCEPT = (
    _NOW
    + """
local function part(new, lengths, events)
  local parts, n, start = {}, 0, 1
  for length in string.gmatch(lengths, '%d+') do
    n = n + 1
    if new[n] == 1 then parts[#parts + 1] = string.sub(events, start, start + length - 1) end
    start = start + length
  end
  return table.concat(parts)
end
local answers, runs, count = {}, {}, 0
for i = 1, #ARGV, 4 do
  local new, size = {}, 0
  for bucket, id in string.gmatch(ARGV[i + 1], '(%d+) (%-?%d+)') do
    local is_new = redis.call('SADD', p .. 'ids:' .. bucket, id)
    new[#new + 1] = is_new
    size = size + is_new
  end
  answers[#answers + 1] = table.concat(new)
  if size > 0 then
    local events = size == #new and ARGV[i + 3] or part(new, ARGV[i + 2], ARGV[i + 3])
    runs[#runs + 1] = {ARGV[i], size, events}
    count = count + size
  end
end
if count > 0 then
  local stamp = math.max(tonumber(redis.call('GET', p .. 'available') or '0'), now - count)
  for _, run in ipairs(runs) do
    local user, size = run[1], run[2]
    sequence, stamp = sequence + size, stamp + size
    local head = string.char(221, 0, math.floor(size / 65536), math.floor(size / 256) % 256, size % 256)
    local events = head .. run[3]  -- msgpack: an array of them
    redis.call('XADD', p .. 'events', text(sequence) .. '-0',
      'user', user, 'available', text(stamp), 'event', events)
    redis.call('RPUSH', p .. 'user:' .. user, text(sequence) .. ' ' .. events)
  end
  redis.call('MSET', p .. 'sequence', text(sequence), p .. 'available', text(stamp))
end
return table.concat(answers)
"""
)

# ARGV: a sequence above which the next ones start.
RAISE = _NOW + "if sequence < tonumber(ARGV[1]) then redis.call('SET', p .. 'sequence', ARGV[1]) end"

# ARGV: upto, and how many at most. Returns how many were dropped.
TRIM = """
local p = KEYS[1]
local entries = redis.call('XRANGE', p .. 'events', '-', ARGV[1] .. '-0', 'COUNT', ARGV[2])
local users = {}
for _, entry in ipairs(entries) do users[entry[2][2]] = true end
for user in pairs(users) do
  local list = p .. 'user:' .. user
  local head = redis.call('LINDEX', list, 0)
  while head and tonumber(string.match(head, '^%d+')) <= tonumber(ARGV[1]) do
    redis.call('LPOP', list)
    head = redis.call('LINDEX', list, 0)
  end
end
for _, entry in ipairs(entries) do redis.call('XDEL', p .. 'events', entry[1]) end
return #entries
"""

# ARGV: user, and the hash of the user.
FORGET = (
    _NOW
    + """
local list = p .. 'user:' .. ARGV[1]
for _, event in ipairs(redis.call('LRANGE', list, 0, -1)) do
  redis.call('XDEL', p .. 'events', string.match(event, '^%d+') .. '-0')
end
redis.call('DEL', list)
redis.call('SET', p .. 'sequence', text(sequence + 1))
redis.call('HSET', p .. 'forgotten', ARGV[2], text(sequence + 1) .. ' ' .. text(now))
"""
)

# ARGV: for each exposure the hash of its user (or nothing), moment, exposure.
EXPOSE = """
local p = KEYS[1]
for i = 1, #ARGV, 3 do
  local forgotten = ARGV[i] ~= '' and redis.call('HGET', p .. 'forgotten', ARGV[i])
  if not forgotten or tonumber(ARGV[i + 1]) > tonumber(string.match(forgotten, '%d+$')) then
    redis.call('XADD', p .. 'exposures', '*', 'shown', ARGV[i + 2])
  end
end
"""

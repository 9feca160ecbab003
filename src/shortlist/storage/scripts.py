"""What Redis does in one step, in its own language: each script happens whole or not at all.

Keys begin with the prefix in KEYS[1]::

    sequence, available   the newest number and stamp
    ids:BUCKET            numbers of ids, in sets small enough for Redis to pack (8 bytes an id)
    events                stream: SEQUENCE-0 -> user, available, event
    user:USER             list: "SEQUENCE event", in order
    forgotten             number of the user -> "SEQUENCE moment"
    exposures             stream: shown
    deleted, change       set of items, and how often it changed
    format                of all this

Numbers stay below 2 to the power of 53, where the language counts exactly.
"""

_NOW = """
local p = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(n) return string.format('%.0f', n) end
local sequence = tonumber(redis.call('GET', p .. 'sequence') or '0')
"""

# ARGV: for each event its id's bucket, its id's number, user, event. Returns 1 for each that is new.
ACCEPT = (
    _NOW
    + """
local answers, new = {}, {}
for i = 1, #ARGV, 4 do
  local is_new = redis.call('SADD', p .. 'ids:' .. ARGV[i], ARGV[i + 1])
  answers[#answers + 1] = is_new
  if is_new == 1 then new[#new + 1] = i end
end
if #new > 0 then
  local before = math.max(tonumber(redis.call('GET', p .. 'available') or '0'), now - #new)
  for n, i in ipairs(new) do
    local number = text(sequence + n)
    redis.call('XADD', p .. 'events', number .. '-0',
      'user', ARGV[i + 2], 'available', text(before + n), 'event', ARGV[i + 3])
    redis.call('RPUSH', p .. 'user:' .. ARGV[i + 2], number .. ' ' .. ARGV[i + 3])
  end
  redis.call('MSET', p .. 'sequence', text(sequence + #new), p .. 'available', text(before + #new))
end
return answers
"""
)

# ARGV: a sequence that numbers begin above.
RAISE = _NOW + "if sequence < tonumber(ARGV[1]) then redis.call('SET', p .. 'sequence', ARGV[1]) end"

# ARGV: upto, and how many at most. Returns how many went.
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

# ARGV: user, and the user's number.
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

# ARGV: for each exposure its user's number (or nothing), moment, exposure.
EXPOSE = """
local p = KEYS[1]
for i = 1, #ARGV, 3 do
  local gone = ARGV[i] ~= '' and redis.call('HGET', p .. 'forgotten', ARGV[i])
  if not gone or tonumber(ARGV[i + 1]) > tonumber(string.match(gone, '%d+$')) then
    redis.call('XADD', p .. 'exposures', '*', 'shown', ARGV[i + 2])
  end
end
"""

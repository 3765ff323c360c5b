"""The hub's state server as only a hand reaches it: what no API tells, and damage that none does. The one
place in these tests that knows how keys and fields are spelled (core/state, schemas/records.yaml)."""
import json
import re
import subprocess

from harness import PATIENCE_S

HEAD = "{p0}:head"      # of the history; also as what somebody may try for an id
KEYRING = "hub:keyring"
ID, STORE, PARTITIONS = "hub:id", "hub:store", "hub:partitions"
RECORDS_WITH_AN_END = {"session", "refresh", "family", "once", "commit"}


def redis(hub, *words, server="state"):
    """What a command prints, on one of the hub's own two servers."""
    return subprocess.run(["redis-cli", "-s", f"run/{server}.sock", *words], cwd=hub.data, text=True,
                          capture_output=True, timeout=PATIENCE_S, check=True).stdout.strip()


def redis_json(hub, *words):
    return json.loads(redis(hub, "--json", *words))


# The hub itself

def call_it_another_hub(hub, name=None):
    """Gives what undoes it. No name: it has none."""
    right = redis(hub, "GET", ID)
    redis(hub, *(("SET", ID, name) if name else ("DEL", ID)))
    return lambda: redis(hub, "SET", ID, right)


def forget_identity(hub):
    redis(hub, "DEL", ID, STORE)


def claim_partitions(hub, number):
    redis(hub, "SET", PARTITIONS, str(number))


def empty(hub):
    redis(hub, "FLUSHALL")


def keyring(hub):
    return redis(hub, "GET", KEYRING)


def put_keyring(hub, text):
    redis(hub, "SET", KEYRING, text)


# Records

def life_of_records_with_an_end(hub):
    """Milliseconds to the end of each that must have one, by kind; below zero: it has none."""
    lives = {}
    for key in redis(hub, "--scan").split():
        kind = key.split(":")[1]
        if kind in RECORDS_WITH_AN_END:
            lives.setdefault(kind, []).append(int(redis(hub, "PTTL", key)))
    return lives


def forget_revs(hub):
    """All records are as those from before there were revs."""
    redis(hub, "EVAL", """for _, key in ipairs(redis.call('KEYS', '*')) do
        if redis.call('TYPE', key).ok == 'hash' then redis.call('HDEL', key, 'rev') end
    end""", "0")


def rev(hub, kind, record_id):
    return redis(hub, "HGET", f"{{p0}}:{kind}:{record_id}", "rev")


def count_wrong(hub, user_id, items, size):
    redis(hub, "HSET", f"{{p0}}:usage:{user_id}", "items", str(items), "bytes", str(size))


def forget_count(hub, user_id):
    redis(hub, "DEL", f"{{p0}}:usage:{user_id}")


def multiply_media(hub, media, copies, after=0):
    """So many more of it, called "Number 1" (or what comes after) and so on, a second apart and each a byte
    larger, as records alone; lists show them when the catalogue is built anew (lists.forget_catalogue).
    Gives their ids."""
    redis(hub, "EVAL", """
local from, fields = KEYS[1], redis.call('HGETALL', KEYS[1])
for i = ARGV[4] + 1, ARGV[4] + ARGV[1] do
    local id = string.sub(ARGV[2], 1, -7) .. string.format('%06d', i)
    redis.call('HSET', '{p0}:media:' .. id, unpack(fields))
    local at = 1600000000000 + 1000 * i
    redis.call('HSET', '{p0}:media:' .. id, 'title', 'Number ' .. i, 'created', at, 'size', i)
    redis.call('ZADD', '{p0}:media_of:' .. ARGV[3], at, id)
    redis.call('ZADD', '{p0}:media_all', at, id)
end
return 1""", "1", f"{{p0}}:media:{media['id']}", str(copies), media["id"], media["user_id"],
          str(after))
    return [f"{media['id'][:-6]}{i:06}" for i in range(after + 1, after + copies + 1)]


def api_key(hub, key_id):
    """The record of an API key."""
    return redis_json(hub, "HGETALL", f"{{p0}}:api_key:{key_id}")


def let_api_key_end(hub, key_id, unix_ms):
    assert redis(hub, "HSET", f"{{p0}}:api_key:{key_id}", "expires", str(int(unix_ms))) == "0"


def records_read(hub):
    """How often the state server was asked for a whole record."""
    line, = re.findall(r"^cmdstat_hgetall:calls=(\d+)", redis(hub, "INFO", "commandstats"), re.M)
    return int(line)


def media_in(server):
    """Keys of media on a server of the test's own (redis_server.py)."""
    return server.keys("*media:*")


# The history

def lose_history(hub):
    redis(hub, "DEL", HEAD, "{p0}:events")


def epoch(hub):
    return redis_json(hub, "HGET", HEAD, "epoch")


def events_after(hub, offset):
    """[(stream id, {field: value}), ...], some at a time."""
    start = f"({offset}-0" if offset else "-"
    return [(entry, dict(zip(fields[::2], fields[1::2])))
            for entry, fields in redis_json(hub, "XRANGE", "{p0}:events", start, "+", "COUNT", "500")]


def all_accepted(hub):
    """The dispatcher has taken over every event."""
    return redis_json(hub, "HGET", HEAD, "offset") in redis_json(hub, "HVALS", "{p0}:accepted")


# Work under way

def leased_deliveries(hub):
    return {str(item) for item in redis_json(hub, "ZRANGE", "{p0}:leased", "0", "-1", "WITHSCORES")}


def work_is_over(hub):
    """No job waits or is done (a job's record goes with it; the parked ones stay), no delivery is due."""
    queues = [redis_json(hub, "ZCARD", "{p0}:" + key) for key in ("leases", "leased", "due")]
    jobs = len(redis_json(hub, "KEYS", "{p0}:job:*")) - redis_json(hub, "ZCARD", "{p0}:jobs_parked")
    return not any(queues) and not redis_json(hub, "SCARD", "{p0}:ready") and jobs == 0


def set_variants(hub, media_id, bits):
    """What the record of a media says to have been made of it."""
    key, = redis(hub, "--scan", "--pattern", f"*:media:{media_id}").split()
    redis(hub, "HSET", key, "variants", str(bits))


# Collections

def disagreements(hub):
    """What members, the shown ones, and the records of media say differently of collections."""
    return redis_json(hub, "EVAL", """
local wrong = {}
local function note(...) wrong[#wrong + 1] = table.concat({...}, ' ') end
for _, key in ipairs(redis.call('KEYS', '{p*}:members:*')) do
    local tag, id = string.match(key, '^({p%d+}:)members:(.*)$')
    local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #members, 2 do
        local media = tag .. 'media:' .. members[i]
        local listed = '\\31' .. (redis.call('HGET', media, 'collections') or '') .. '\\31'
        if not string.find(listed, '\\31' .. id .. '\\31', 1, true) then note(members[i], 'is not in', id) end
        local shown = redis.call('ZSCORE', tag .. 'shown:' .. id, members[i])
        local right = redis.call('HGET', media, 'public') == '1' and members[i + 1]
        if shown ~= right then note(members[i], 'is shown wrongly in', id) end
        if i > 2 and members[i - 1] == members[i + 1] then note('two have one place in', id) end
    end
end
for _, key in ipairs(redis.call('KEYS', '{p*}:shown:*')) do
    local tag, id = string.match(key, '^({p%d+}:)shown:(.*)$')
    for _, media in ipairs(redis.call('ZRANGE', key, 0, -1)) do
        if not redis.call('ZSCORE', tag .. 'members:' .. id, media) then note(media, 'is shown alone') end
    end
end
for _, key in ipairs(redis.call('KEYS', '{p*}:media:*')) do
    local tag, media = string.match(key, '^({p%d+}:)media:(.*)$')
    for id in string.gmatch(redis.call('HGET', key, 'collections') or '', '[^\\31]+') do
        if not redis.call('ZSCORE', tag .. 'members:' .. id, media) then note(media, 'names', id) end
    end
end
return wrong""", "0")


def collections_named(hub):
    """By records of media."""
    return redis_json(hub, "EVAL", """
local found = {}
for _, key in ipairs(redis.call('KEYS', '{p*}:media:*')) do
    for id in string.gmatch(redis.call('HGET', key, 'collections') or '', '[^\\31]+') do
        found[#found + 1] = id
    end
end
return found""", "0")


def members(hub, collection):
    """How many there are, in the first partition."""
    return redis_json(hub, "ZCARD", f"{{p0}}:members:{collection}")


def collections_left(hub):
    """Is there anything still of those that are deleted, in the first partition?"""
    return redis_json(hub, "EXISTS", "{p0}:collections_deleted")

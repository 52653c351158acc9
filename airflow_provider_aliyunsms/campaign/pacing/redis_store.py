# SPDX-License-Identifier: Apache-2.0
"""Keep in Redis who holds how many places of an account's limit."""

from __future__ import annotations

import json
from typing import Any, Final

from airflow_provider_aliyunsms.campaign.pacing.account import Demand, Grant

GRACE: Final = 2.0
"""Seconds for which a server that may have forgotten the holders waits for calls that are on their way."""

TURN: Final = 5.0
"""
Seconds after which a process lets another one have the place that is one too few for an equal share.

Where the rate window is long, two of these if that is longer.
"""

EARLY: Final = 0.5
"""Seconds, and a rate window, before a place may be used at which it is given to its next holder."""

_FORGET: Final = 7 * 24 * 3600
"""Seconds without an exchange after which Redis may drop the record."""

# One step that no other client can come between: https://redis.io/docs/latest/develop/programmability/eval-intro/.
# All times are the server's, so that the clocks of the processes do not matter.
_EXCHANGE: Final = """
local holder, limit, span, wanted = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local keeps, free_in, lasts = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local grace, turn, forget = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local number, own_grace, early = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[14])

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not server then
    return redis.error_reply('ERR this server has no run_id, so a restart could not be noticed')
end
local kept = redis.call('GET', KEYS[1])
local state = kept and cjson.decode(kept)

-- A server that was started anew, or took over from another one, may not know the latest holders. They hold their
-- places for as long as "lasts"; only then can it give any away.
if not state or state.server ~= server or now < state.seen - 1 then
    state = {server = server, opens = now + lasts + span + grace, holders = {}, back = {}}
end
state.seen = now

-- Take so many places out of those that a holder may not use yet, and put them back under their own time: the last
-- ones first, so that what it may use of the rest is the same at every moment.
local function put_back(each, most, not_before)
    table.sort(each.coming, function(one, other) return one.at < other.at end)
    while most > 0 and #each.coming > 0 and each.coming[#each.coming].at > not_before do
        local last = each.coming[#each.coming]
        local some = math.min(most, last.places)
        table.insert(state.back, {places = some, at = last.at})
        last.places, most, each.places = last.places - some, most - some, each.places - some
        if last.places == 0 then table.remove(each.coming) end
    end
    return most
end

-- Of holders that did not renew, calls may still be on their way. But not with places that they could not use before
-- these ended: there, calls of the holder before may be. So such a place is not theirs when they come back.
for name, each in pairs(state.holders) do
    if each.ends <= now then
        put_back(each, each.places, each.ends)
        if each.places > 0 then
            local at = each.ends + each.span + each.grace
            table.insert(state.back, {places = each.places, at = at, lost_by = name})
        end
        state.holders[name] = nil
    end
end

local me = state.holders[holder] or {places = 0, turn = now, since = now, share = 0, number = 0, coming = {}}
-- A demand that was under way for long must not be obeyed after a later one: its sender thinks that it was lost. So
-- the number is kept until the holder would end, also of one that is done: it would take places that nobody uses.
if number <= me.number then
    return redis.error_reply('ERR a later demand was here before')
end
state.holders[holder] = me
-- Whoever comes back after it was done goes to the end of the line.
if me.wanted == 0 and me.places == 0 then me.turn, me.since, me.share = now, now, 0 end
-- One that was only out of reach counts its calls itself, and gets back what nobody else has taken.
for _, each in ipairs(state.back) do
    if each.lost_by == holder and each.at > now then
        me.places, each.places = me.places + each.places, 0
    end
end
local coming = {}
for _, each in ipairs(me.coming) do
    if each.at > now then table.insert(coming, each) end
end
me.coming = coming
if keeps >= 0 and me.places > keeps then
    local used = put_back(me, me.places - keeps, now)
    if used > 0 then table.insert(state.back, {places = used, at = now + free_in}) end
    me.places = keeps
end
me.ends, me.wanted, me.limit, me.span, me.grace, me.number = now + lasts, wanted, limit, span, own_grace, number
me.urgent = ARGV[13] == '1'

local held, lowest, longest = 0, limit, span
for _, each in pairs(state.holders) do
    held = held + each.places
    -- Of one that is done, the number alone is kept.
    if each.wanted > 0 or each.places > 0 then
        lowest, longest = math.min(lowest, each.limit), math.max(longest, each.span)
    end
end
-- A turn shorter than two calls would leave hardly one.
turn = math.max(turn, 2 * longest)
local waiting = {}
for _, each in ipairs(state.back) do
    if each.at > now then
        table.insert(waiting, each)
        held = held + each.places
    end
end
table.sort(waiting, function(one, other) return one.at < other.at end)
-- Places of a lost process that nobody may use for long are in no share. Given out, they would count as somebody's
-- part, and those that can be used would stay with others.
local ready, soon = lowest, {}
for _, each in ipairs(waiting) do
    if each.at > now + longest + early then ready = ready - each.places else table.insert(soon, each) end
end
ready = math.max(0, ready)

-- All of one kind that want a place, in the order of their turns.
local function line(urgent)
    local found = {}
    for name, each in pairs(state.holders) do
        if each.wanted > 0 and (each.urgent or false) == urgent then
            table.insert(found, {name = name, wanted = each.wanted, turn = each.turn})
        end
    end
    table.sort(found, function(one, other)
        if one.turn ~= other.turn then return one.turn < other.turn end
        return one.name < other.name
    end)
    return found
end

-- Each gets what it wants, or an equal share; those in front of the line get what is left over.
local function divide(open, left)
    local found, went = {}, true
    while went and #open > 0 do
        went = false
        local each_one, rest = math.floor(left / #open), {}
        for _, each in ipairs(open) do
            if each.wanted <= each_one then
                found[each.name] = each.wanted
                left = left - each.wanted
                went = true
            else
                table.insert(rest, each)
            end
        end
        open = rest
    end
    local each_one = #open > 0 and math.floor(left / #open) or 0
    local extra = left - each_one * #open
    for place, each in ipairs(open) do
        found[each.name] = each_one + (place <= extra and 1 or 0)
    end
    return found, each_one
end

-- The share of this process; what its turn comes to when nothing is urgent; and an equal share.
local function shares()
    local others, hurried, most = line(false), line(true), ready
    -- One place stays for the others where there are several: who holds none has nothing that goes on.
    if #others > 0 and ready > 1 then most = ready - 1 end
    local found, each_one = divide(hurried, most)
    if me.urgent then return found[holder] or 0, found[holder] or 0, each_one end
    local left = ready
    for _, places in pairs(found) do left = left - places end
    local turns
    turns, each_one = divide(others, ready)
    return divide(others, left)[holder] or 0, turns[holder] or 0, each_one
end

-- By the turns as they are without anything urgent: whoever gives way to it does not begin a new turn afterwards.
local share, own_turn, each_one = shares()
if own_turn > me.share then me.since = now end
if own_turn > each_one and me.places >= own_turn and wanted > each_one and now - me.since >= turn then
    -- To the end of the line: what is one too few for an equal share goes round.
    me.turn, me.since = now, now
    share, own_turn = shares()
end
me.share = own_turn

local missing, free = share - me.places, lowest - held
if missing > 0 and now >= state.opens and free >= 0 then
    local some = math.min(missing, free)
    me.places, missing = me.places + some, missing - some
    -- Places whose last calls still count may be given away as well; they are used once these do not count.
    for _, each in ipairs(soon) do
        some = math.min(missing, each.places)
        if some > 0 then
            each.places, me.places, missing = each.places - some, me.places + some, missing - some
            table.insert(me.coming, {places = some, at = each.at})
        end
    end
end
state.back = {}
for _, each in ipairs(waiting) do
    if each.places > 0 then table.insert(state.back, each) end
end

redis.call('SET', KEYS[1], cjson.encode(state), 'EX', forget)
local waits = {}
for _, each in ipairs(me.coming) do table.insert(waits, {each.places, tostring(each.at - now)}) end
return cjson.encode({held = me.places, coming = waits, share = share, limit = lowest,
    span = tostring(longest), opens_in = tostring(math.max(0, state.opens - now))})
"""


class RedisPaceStore:
    """
    Decide in Redis who holds how many places; a :class:`.PaceStore`.

    An exchange costs one round trip and well below a millisecond of the server. It works with Redis 5 and later, and
    with servers that speak its protocol, have Lua scripts, and tell by ``run_id`` that they were started anew. After
    that, or when another server took over, nobody gets a place for some seconds, so that those who held places before
    are certainly done.

    :param client: a client of the package ``redis``, with timeouts of a few seconds and without retries.
    :param key: names the account and the API; no secret.
    :param name: the id of the connection, for logs and errors.
    """

    def __init__(self, *, client: Any, key: str, name: str) -> None:
        self.name = name
        self._client = client
        self._key = key
        self._exchange = client.register_script(_EXCHANGE)

    def hang_up(self) -> None:
        """Close idle connections: a triggerer may ask for hours, with a client for each of its watches."""
        # Idle ones alone: who opens the next pace with this client may be in the middle of an exchange.
        self._client.connection_pool.disconnect(inuse_connections=False)

    def exchange(self, demand: Demand, *, lasts: float) -> Grant:
        """
        Renew, give back and take places in one script.

        :raises redis.RedisError: the server cannot be reached, does not answer in time, runs no scripts, or has had a
            later demand of this process.
        """
        answer = json.loads(
            self._exchange(
                keys=[self._key],
                args=[
                    demand.holder,
                    demand.limit,
                    demand.span,
                    demand.wanted,
                    -1 if demand.keeps is None else demand.keeps,
                    demand.free_in,
                    lasts,
                    GRACE,
                    TURN,
                    _FORGET,
                    demand.number,
                    demand.grace,
                    int(demand.urgent),
                    EARLY,
                ],
            )
        )
        return Grant(
            held=answer["held"],
            # An empty list is an empty object in the server's JSON.
            coming=tuple((places, float(wait)) for places, wait in answer["coming"] or ()),
            share=answer["share"],
            limit=answer["limit"],
            span=float(answer["span"]),
            opens_in=float(answer["opens_in"]),
        )

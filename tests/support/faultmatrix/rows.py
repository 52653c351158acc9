# SPDX-License-Identifier: Apache-2.0
"""The rows of the fault matrix: every way the simulated gateway can misbehave, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass

CHINA = "china"
GLOBE = "globe"

READ_TIMEOUT = 0.5
"""Seconds after which the client of a late row gives up; every other row waits as long as it takes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    One misbehaviour.

    :param name: the simulator's name of it, with a suffix where one fault makes two rows.
    :param words: what happens, for somebody who has never seen the simulator.
    :param poison: instead of a fault: the last four digits of one number in the call, refused by the gateway.
    :param look_ups_fail: with ``poison``: no look-up gets through during the first try.
    :param seconds: how late, for the two delays; the hint of ``throttle``.
    :param late: the answer comes after the client has given up.
    :param overtaken: the request is carried out only after the replay has been answered.
    :param apis: where it can happen.
    :param blind: the gateway has seen the request, and yet nothing it says tells what it made of it.
    :param blind_as_replay: the same of a replay: "too fast" and "no money" say nothing about the first copy.
    """

    name: str
    words: str
    poison: str = ""
    look_ups_fail: bool = False
    seconds: float = 0.0
    late: bool = False
    overtaken: bool = False
    apis: tuple[str, ...] = (CHINA, GLOBE)
    blind: bool = True
    blind_as_replay: bool = True

    @property
    def fault(self):
        return self.name.partition(" ")[0]

    @property
    def spoils_look_ups_only(self):
        return self.fault in ("hide_records", "no_records")


ROWS = (
    Row(name="delay", words="carried out at once, answered too late", seconds=1.5, late=True),
    Row(
        name="delay_before",
        words="carried out after the client gave up, before it looks for evidence",
        seconds=0.9,
        late=True,
    ),
    Row(
        name="delay_before (longer)",
        words="so late that the replay overtakes it",
        seconds=2.5,
        late=True,
        overtaken=True,
        blind=False,
        blind_as_replay=False,
    ),
    Row(
        name="drop_before",
        words="lost on the way: the connection breaks before the gateway has seen it",
        blind=False,
        blind_as_replay=False,
    ),
    Row(name="drop_after", words="carried out, then the connection breaks"),
    Row(name="truncate_after", words="carried out, the answer ends in the middle"),
    Row(name="empty_after", words="carried out, the answer is empty"),
    Row(
        name="throttle",
        words="refused for its rate (`Throttling.User`, wait 0.3 s)",
        seconds=0.3,
        blind=False,
    ),
    Row(name="error_500", words="not carried out, HTTP 500"),
    Row(name="error_500_after", words="carried out, and yet HTTP 500"),
    Row(name="error_503", words="not carried out, HTTP 503"),
    Row(name="garbage", words="not carried out, a proxy's HTML page instead of an answer"),
    Row(name="garbage_after", words="carried out, a proxy's HTML page instead of an answer"),
    Row(name="system_error", words="not carried out, `SYSTEM_ERROR`"),
    Row(name="system_error_after", words="carried out, and yet `SYSTEM_ERROR`"),
    Row(name="doomed", words="refused, the account has no money (`AMOUNT_NOT_ENOUGH`)", blind=False),
    Row(
        name="skewed_clock",
        words="refused, the clocks disagree (`InvalidTimeStamp.Expired`)",
        blind=False,
        blind_as_replay=False,
    ),
    Row(
        name="hide_records",
        words="the answer is lost, and look-ups count the record without showing it",
        apis=(CHINA,),
    ),
    Row(name="no_records", words="the answer is lost, and look-ups show nothing yet", apis=(CHINA,)),
    Row(name="lengths", words="accepted, but the list of message ids contradicts the rest", apis=(GLOBE,)),
    Row(
        name="number 0501",
        words="not carried out, for one wrong number (`MOBILE_NUMBER_ILLEGAL`)",
        poison="0501",
        apis=(CHINA,),
    ),
    Row(
        name="number 0501, no look-up",
        words="the same, and nobody can look whether it was",
        poison="0501",
        look_ups_fail=True,
        apis=(CHINA,),
    ),
    Row(
        name="number 0502",
        words="not carried out, one number had too many messages (`BUSINESS_LIMIT_CONTROL`)",
        poison="0502",
        apis=(CHINA,),
    ),
    Row(
        name="number 0501 (list)",
        words="carried out but for one wrong number, which comes back in `FailedList`",
        poison="0501",
        apis=(GLOBE,),
        blind=False,
        blind_as_replay=False,
    ),
    Row(
        name="number 0503",
        words="not carried out, for one wrong number (`MOBILE_NUMBER_ILLEGAL`)",
        poison="0503",
        apis=(GLOBE,),
        blind=False,
        blind_as_replay=False,
    ),
)


def rows_of(api):
    return tuple(row for row in ROWS if api in row.apis)

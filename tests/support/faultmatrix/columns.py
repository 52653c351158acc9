# SPDX-License-Identifier: Apache-2.0
"""The columns of the fault matrix: where in a campaign of five calls the misbehaviour happens."""

from __future__ import annotations

from dataclasses import dataclass

from faultmatrix.rows import CHINA, GLOBE

CHUNKS = 5
SETTLE_TIME = 60.0
QUERY = "QuerySendDetails"
SEND = {CHINA: "SendBatchSms", GLOBE: "BatchSendMessageToGlobe"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """
    One position.

    :param hit: the chunks that meet a misbehaviour, counted from 0.
    :param doubt: what happens to the request of the hit chunk, when the misbehaviour meets its evidence instead.
    :param meets: ``send``, ``look-up`` or ``replay``.
    :param bad_tries: tries for which misbehaving look-ups go on.
    :param pause: seconds between two tries; one settle time unless the column is about impatient retries.
    :param at_once: calls in flight; with more than one, nobody knows which chunk is hit.
    """

    name: str
    title: str
    hit: tuple[int, ...]
    doubt: str = ""
    meets: str = "send"
    at_once: int = 1
    bad_tries: int = 1
    pause: float = SETTLE_TIME + 1


_POSITIONS = (
    Column(name="first", title="first call", hit=(0,)),
    Column(name="middle", title="middle call", hit=(2,)),
    Column(name="last", title="last call", hit=(4,)),
    Column(name="twice", title="two calls in a row", hit=(2, 3)),
)

COLUMNS = {
    CHINA: (
        *_POSITIONS,
        Column(name="impatient", title="middle call, early retries", hit=(2,), pause=SETTLE_TIME / 2),
        Column(name="at_once", title="one of four at once", hit=(2,), at_once=4),
        Column(
            name="look_up_arrived",
            title="look-ups of two tries, after a request that was carried out",
            hit=(2,),
            bad_tries=2,
            doubt="drop_after",
            meets="look-up",
        ),
        Column(
            name="look_up_refused",
            title="look-ups, after a request that was not carried out",
            hit=(2,),
            doubt="error_500",
            meets="look-up",
        ),
        Column(
            name="replay_lost",
            title="replay of a lost request",
            hit=(2,),
            doubt="drop_before",
            meets="replay",
        ),
    ),
    GLOBE: (
        *_POSITIONS,
        Column(
            name="replay_arrived",
            title="replay of a request that was carried out",
            hit=(2,),
            doubt="drop_after",
            meets="replay",
        ),
        Column(
            name="replay_lost",
            title="replay of a lost request",
            hit=(2,),
            doubt="drop_before",
            meets="replay",
        ),
    ),
}

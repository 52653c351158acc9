# SPDX-License-Identifier: Apache-2.0
"""
Decide what to do with a chunk whose outcome is unknown.

First the chunk is looked up by its out id, where the API has a look-up (China). If it is not found, it is replayed:
the *identical* signed request is made again, with the nonce of the first copy. The gateway refuses a nonce it has
seen, so a replay that is accepted proves that the first copy never arrived. A chunk whose nonce the gateway has
seen, but of which it shows no record, stays open until look-ups have stayed empty for the settle time since the
last attempt. Then it counts as not accepted.

The functions here have no state, and any thread may call them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Evidence

REPLAY_LIMIT = 14 * 60.0
"""
Seconds after its signature for which a request may be replayed.

The gateway forgets a nonce, and refuses a timestamp, after 15 minutes. A replay that arrives later proves nothing;
were its timestamp accepted, its recipients could get a second message. One minute is left for the replay's own way.
"""

NONCE_USED = "SignatureNonceUsed"
"""The gateway's code for a request whose nonce it has seen before."""


class Step(StrEnum):
    """The next step for an open chunk."""

    ACCEPT = "accept"
    """The look-up found it: it was accepted."""

    REPLAY = "replay"
    """Make the identical request again; the response may prove something."""

    RELEASE = "release"
    """It was not accepted; its recipients may be sent to in a new chunk."""

    WAIT = "wait"
    """Nothing is proved yet; look again later."""

    GIVE_UP = "give up"
    """No evidence can be had any more; its recipients end as unknown."""


@dataclass(frozen=True, slots=True)
class Findings:
    """
    The known facts of an open chunk.

    :param look_up: the result of the look-up that was just made.
    :param complete: True when the identical request can still be built, and under the same AccessKey.
    :param seen: True when the gateway has said that it knows the nonce.
    :param signed_ago: seconds since the date in the signature; negative when the clock was set back.
    :param attempted_ago: seconds since the last moment at which a copy that counts may have left.
    """

    look_up: Evidence
    complete: bool
    seen: bool
    signed_ago: float
    attempted_ago: float


def next_step(known: Findings, *, settle_time: float, resend_unknown: bool = False) -> Step:
    """
    Decide the next step for an open chunk; the whole policy of settling is in this function.

    :param known: the facts of the chunk.
    :param settle_time: seconds since the last attempt after which an empty look-up proves that nothing was
        accepted.
    :param resend_unknown: release a chunk that no evidence can settle, so that it is sent again. True only because
        the user asked for it: its recipients may get a second message.
    """
    # First, because a record settles the chunk, and the replay below would be a needless call.
    if known.look_up is Evidence.FOUND:
        return Step.ACCEPT
    # A nonce that the gateway knows would be refused whatever happened to the first copy. With a negative time the
    # clock was set back, and the age of the nonce is not known: the gateway may have forgotten it and send twice.
    if known.complete and not known.seen and 0 <= known.signed_ago < REPLAY_LIMIT:
        return Step.REPLAY
    if known.look_up is Evidence.IMPOSSIBLE:
        return Step.RELEASE if resend_unknown and known.attempted_ago >= settle_time else Step.GIVE_UP
    # Not INCONCLUSIVE: a look-up that failed, or showed fewer records than it counted, proves nothing. And not
    # before the settle time: the record of an accepted request may still be missing. Released then, the recipients
    # would get a second message.
    if known.look_up is Evidence.EMPTY and known.attempted_ago >= settle_time:
        return Step.RELEASE
    return Step.WAIT


def judge_replay(outcome: Outcome) -> Outcome | None:
    """
    Return the outcome of the chunk that a replay proves, None when it proves nothing.

    A replay that was accepted proves that the first copy never arrived. A refusal for content or a number would
    have met the first copy as well. Throttling, flow control and account trouble depend on the moment: the first
    copy may have been accepted before. Taken for the outcome of the chunk, they would release it, and its
    recipients would get a second message.

    :param outcome: the outcome of the replay alone.
    """
    if outcome.kind is OutcomeKind.REFUSED:
        return outcome if outcome.lasting else None
    if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
        return outcome
    return None

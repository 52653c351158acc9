# SPDX-License-Identifier: Apache-2.0
"""
Decide what to do with a chunk whose outcome is unknown.

First the chunk is looked up by its out id, where the API has a look-up (China). If it is not found, it is replayed:
the *identical* signed request is made again, with the nonce of the first copy. The gateway refuses a nonce it has
seen, so a replay that is accepted proves that the first copy never arrived. A chunk whose nonce the gateway has
seen, but of which it shows no record, stays open until look-ups have stayed empty for the settle time since the
last attempt, and the last of them has asked for every recipient. Then it counts as not accepted.

A chunk of several recipients that the gateway *refused* is treated alike, without the replay and with a shorter
wait: the documentation says that one bad number can fail alone, so that the others may have been accepted in spite
of the refusal. Recipients of whom there is a record were accepted; the others are sent to again in smaller chunks.

What a look-up does not show proves something only if it could have shown it: under the same AccessKey and endpoint
as the call, or under ones that do show another accepted call of the same signer. Times count by the gateway's
clock; where they were noted or compared by a machine's own, the longest error that the gateway tolerates is allowed
for each of the two machines, and nothing is replayed.

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

CLOCK_ERROR = 15 * 60.0
"""Seconds by which a machine's clock can be wrong at most: a request dated further off is refused."""

EARLY = 60.0
"""Seconds by which a date may lie ahead of the gateway's time when a replay is made: what rounding can explain."""

NONCE_USED = "SignatureNonceUsed"
"""The gateway's code for a request whose nonce it has seen before."""


class Step(StrEnum):
    """The next step for an open chunk."""

    ACCEPT = "accept"
    """The look-up found it: it was accepted."""

    REPLAY = "replay"
    """Make the identical request again; the response may prove something."""

    ASK_ALL = "ask all"
    """Look up every recipient: if none is found, the chunk was not accepted."""

    RELEASE = "release"
    """It was not accepted; its recipients may be sent to in a new chunk."""

    WAIT = "wait"
    """Nothing is proved yet; look again later."""

    GIVE_UP = "give up"
    """No evidence can be had any more; its recipients end as unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    The known facts of an open chunk.

    :param look_up: the result of the look-up that was just made.
    :param thorough: the look-up asked for every recipient.
    :param complete: the identical request can still be built, under the same AccessKey, for the same endpoint.
    :param seen: the gateway has said that it knows the nonce.
    :param refused: the gateway refused the chunk.
    :param clock_error: seconds by which the two ages below can be wrong, because they were not measured by the
        gateway's clock from end to end.
    :param signed_ago: seconds since the date in the signature.
    :param attempted_ago: seconds since the latest time at which a copy may have left.
    """

    look_up: Evidence
    thorough: bool = False
    complete: bool = True
    seen: bool = False
    refused: bool = False
    clock_error: float = 0.0
    signed_ago: float = 0.0
    attempted_ago: float = 0.0


def next_step(
    findings: Findings, *, settle_time: float, refusal_wait: float = 60.0, resend_unknown: bool = False
) -> Step:
    """
    Return the next step for an open chunk.

    :param findings: the known facts.
    :param settle_time: seconds since the last attempt for which look-ups must have stayed empty.
    :param refusal_wait: the same for a refused chunk; never longer than the settle time.
    :param resend_unknown: release what no evidence can settle; only because a user asked for it, as the recipients
        may get a second message.
    """
    if findings.look_up is Evidence.FOUND and not findings.refused:
        return Step.ACCEPT
    if _can_replay(findings):
        return Step.REPLAY
    waited = findings.attempted_ago - findings.clock_error
    if findings.look_up is Evidence.IMPOSSIBLE:
        return Step.RELEASE if resend_unknown and waited >= settle_time else Step.GIVE_UP
    enough = min(refusal_wait, settle_time) if findings.refused else settle_time
    if findings.look_up is Evidence.INCONCLUSIVE or waited < enough:
        return Step.WAIT
    if not findings.thorough:
        return Step.ASK_ALL
    return Step.ACCEPT if findings.look_up is Evidence.FOUND else Step.RELEASE


def judge_replay(outcome: Outcome) -> Outcome | None:
    """
    Return the outcome that the response to a replay proves, None when it proves nothing.

    A refusal for content or a number would have met the first copy as well. Throttling, flow control and trouble
    with the account depend on the moment: the first copy may have been accepted before.
    """
    if outcome.kind is OutcomeKind.REFUSED:
        return outcome if outcome.lasting else None
    if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
        return outcome
    return None


def _can_replay(findings: Findings) -> bool:
    return (
        findings.complete
        and not findings.seen
        and not findings.refused
        and not findings.clock_error
        and -EARLY <= findings.signed_ago < REPLAY_LIMIT
    )

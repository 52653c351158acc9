# SPDX-License-Identifier: Apache-2.0
"""
Settle a chunk nobody knows the fate of, by evidence and never by hope.

First it is looked up by its out id, where the API can (China). What is not found is replayed: the *identical*
signed request, with the nonce of the first copy. The gateway refuses a nonce it has seen, so a replay that is
accepted proves that the first copy never arrived. What the gateway has seen, but shows no record of, stays open
until look-ups have stayed empty for the settle time since the last attempt; then it counts as not accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Evidence

REPLAY_LIMIT = 14 * 60.0
"""Seconds: the gateway forgets a nonce, and refuses a timestamp, after 15 minutes."""

NONCE_USED = "SignatureNonceUsed"


class Step(StrEnum):
    """What to do next for an open chunk."""

    ACCEPT = "accept"
    REPLAY = "replay"
    RELEASE = "release"
    WAIT = "wait"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Findings:
    """
    What is known of an open chunk.

    :param look_up: what the look-up just made says.
    :param complete: whether the identical request can still be built.
    :param seen: whether the gateway said that it knows the nonce.
    :param signed_ago: seconds since the date in the signature.
    :param attempted_ago: seconds since the last moment at which a copy may have left.
    """

    look_up: Evidence
    complete: bool
    seen: bool
    signed_ago: float
    attempted_ago: float


def next_step(known: Findings, *, settle_time: float, resend_unknown: bool = False) -> Step:
    """
    Decide what to do for an open chunk; the whole policy of the settling, in one place.

    :param known: what is known of it.
    :param settle_time: seconds for which look-ups must have stayed empty.
    :param resend_unknown: send again what no evidence can settle; only because somebody asked for it.
    """
    if known.look_up is Evidence.FOUND:
        return Step.ACCEPT
    if known.complete and not known.seen and 0 <= known.signed_ago < REPLAY_LIMIT:
        return Step.REPLAY
    if known.look_up is Evidence.IMPOSSIBLE:
        return Step.RELEASE if resend_unknown and known.attempted_ago >= settle_time else Step.GIVE_UP
    if known.look_up is Evidence.EMPTY and known.attempted_ago >= settle_time:
        return Step.RELEASE
    return Step.WAIT


def judge_replay(outcome: Outcome) -> Outcome | None:
    """
    Say what the answer to a replay proves; None when it proves nothing.

    A refusal for content or a number would have met the first copy as well. Throttling, flow control and account
    trouble depend on the moment: the first copy may have been accepted before.
    """
    if outcome.kind is OutcomeKind.REFUSED:
        return outcome if outcome.lasting else None
    if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
        return outcome
    return None

# SPDX-License-Identifier: Apache-2.0
"""Hold what an experiment has seen, without numbers, texts and secrets, so that all of it may be written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.responses import NONCE_USED
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.exceptions import ApiError


class AnswerKind(StrEnum):
    """What an answer of the gateway says about the call."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not accepted"
    """For certain: refused, throttled, or never left this machine."""

    NONCE_USED = "nonce used"
    UNCLEAR = "unclear"
    """It may or may not have been accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    The answer to one call.

    :param code: the code of a refusal or failure.
    :param request_id: for a support ticket.
    :param advice: the next step after a refusal or failure.
    :param names_invalid: whether the failed list of a Globe batch names the invalid number and nothing else; None
        without one.
    """

    kind: AnswerKind
    code: str | None = None
    request_id: str | None = None
    advice: str | None = None
    names_invalid: bool | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the call was accepted."""
        return self.kind is AnswerKind.ACCEPTED

    @classmethod
    def of(cls, error: ApiError) -> Answer:
        """Return the answer that an error of the client stands for."""
        kind = AnswerKind.NOT_ACCEPTED
        if error.code == NONCE_USED:
            kind = AnswerKind.NONCE_USED
        elif isinstance(error, AmbiguousOutcomeError):
            kind = AnswerKind.UNCLEAR
        return cls(
            kind=kind,
            code=error.code or type(error).__name__,
            request_id=error.request_id,
            advice=error.advice,
        )


@dataclass(slots=True, kw_only=True)
class Sighting:
    """
    What was seen of the record of one message while it was looked for.

    :param after: seconds from the call to the first answer that showed the record; None when none did.
    :param watched: seconds for which it was looked for.
    :param labelled: whether the record carried the label of the call; None without a record.
    :param apart: seconds by which the time in the record is later than the gateway's at the call; None when one of
        them is not known.
    :param doubtful: the last answer was an error, or contradicted itself, so that it does not show that nothing is
        there.
    """

    after: float | None = None
    watched: float = 0.0
    labelled: bool | None = None
    apart: float | None = None
    doubtful: bool = False


@dataclass(slots=True, kw_only=True)
class Observations:
    """
    What one experiment has seen so far; None for what it did not come to.

    :param product: ``china`` or ``globe``.
    :param access: the answer to the free call that was made first.
    :param tells_time: whether the gateway's answers say what time it is.
    :param skew: seconds by which this machine's clock is ahead of the gateway's.
    :param first: the answer to the first message.
    :param record: what was seen of its record.
    :param replay: the answer to the same signed request, made again.
    :param replayed_after: seconds between the two.
    :param key_changed: the AccessKey was renewed in between, so no replay could be made.
    :param batch: the answer to the batch with an invalid number.
    :param reached: what was seen of the record of the batch's own number.
    :param accepted: messages that the gateway accepted for certain.
    :param perhaps: messages that it may have accepted besides.
    """

    product: str
    access: Answer | None = None
    tells_time: bool = False
    skew: float | None = None
    first: Answer | None = None
    record: Sighting = field(default_factory=Sighting)
    replay: Answer | None = None
    replayed_after: float | None = None
    key_changed: bool = False
    batch: Answer | None = None
    reached: Sighting = field(default_factory=Sighting)
    accepted: int = 0
    perhaps: int = 0

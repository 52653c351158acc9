# SPDX-License-Identifier: Apache-2.0
"""
Find out early, with a few calls for one recipient each, whether a refusal holds for everybody.

A refused chunk of many recipients tells nothing of which of them is at fault, and to isolate one costs waits,
look-ups and calls. Where the cause is common to all (a variable that the template lacks, a text that is forbidden),
every further chunk would cost them again. So after the first such refusal, and before anybody was accepted, single
recipients are tried first. If all of them are refused with the same code, sending stops; if one is accepted, the
refusal was somebody's own, and everything goes on.

A number that is wrong, or has received enough, is its recipient's own trouble: such codes are left to the error
threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.endings import is_own_cause
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.exceptions import TooManyRefusedError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.sending.jobs import Job
    from airflow_provider_aliyunsms.products import Product

PROBES = 5
"""Single recipients that must be refused alike before a refusal counts as common to all."""


class CommonRefusal:
    """
    Count what speaks for a refusal that is common to all; every field belongs to the main thread.

    :param enabled: False where the user accepts any share of refused recipients.
    :param product: its table says what a code means.
    """

    def __init__(self, *, enabled: bool, product: Product) -> None:
        self._over = not enabled
        self._product = product
        self._code: str | None = None
        self._refused = 0
        self._under_way = 0

    @property
    def is_probing(self) -> bool:
        """Whether single recipients are tried, and chunks of several have to wait."""
        return self._code is not None and not self._over

    @property
    def wanted(self) -> int:
        """How many single recipients are still to be tried."""
        return PROBES - self._refused - self._under_way if self.is_probing else 0

    def begun(self, count: int) -> None:
        """Note that intents for so many single recipients are written."""
        self._under_way += count

    def count(self, job: Job, outcome: Outcome) -> TooManyRefusedError | None:
        """
        Take one outcome into account; return the error that ends the sending when the refusal is common to all.

        :param job: the chunk that was sent, or settled.
        """
        if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
            self._over = True
        elif len(job.entry) > 1:
            self._suspect(job, outcome)
        elif job.probe and self.is_probing and not job.settling:
            self._under_way -= 1
            if outcome.kind is OutcomeKind.REFUSED:
                return self._count_refusal(outcome.code)
            # Without a clear response nothing is learned from it; a call that was not accepted is made again.
            self._over |= outcome.kind is OutcomeKind.AMBIGUOUS
        return None

    def _suspect(self, job: Job, outcome: Outcome) -> None:
        is_new = not job.settling and (job.is_refused or outcome.kind is OutcomeKind.SPLIT)
        code = job.entry.refused or outcome.code
        if is_new and self._code is None and not is_own_cause(code, product=self._product):
            self._code = code

    def _count_refusal(self, code: str | None) -> TooManyRefusedError | None:
        if code != self._code:
            self._over = True
            return None
        self._refused += 1
        if self._refused < PROBES:
            return None
        return TooManyRefusedError(
            f"the first calls were refused, and so was each of {PROBES} recipients who were tried alone, all with "
            f"the same code ({code})",
            code=code,
        )

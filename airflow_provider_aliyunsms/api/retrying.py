# SPDX-License-Identifier: Apache-2.0
"""Repeating calls that only read. Sends never come here."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError, NotSentError, ThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadRetries:
    """
    How often and how patiently a read call is repeated.

    :param attempts: attempts in all, at least 1.
    :param first_wait: seconds; the longest first wait, doubled before each further attempt.
    :param longest_wait: seconds; no wait is longer, whatever the gateway asks for.
    :param around_attempt: makes a context for each attempt, to pace or to refuse it; what it raises ends the call.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    around_attempt: Callable[[], AbstractContextManager[None]] = nullcontext

    def call(self, attempt: Callable[[], T]) -> T:
        """
        Call until it succeeds, fails for good, or the attempts are used up.

        :param attempt: one attempt, which must not change anything at the other end.
        :raises ApiError: the last attempt's.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._wait,
            retry=retry_if_exception_type((NotSentError, AmbiguousOutcomeError)),
            reraise=True,
        )
        return retrying(lambda: self._one(attempt))

    def _one(self, attempt: Callable[[], T]) -> T:
        with self.around_attempt():
            return attempt()

    def _wait(self, state: RetryCallState) -> float:
        # Jitter, because the tasks of one DAG start, and are throttled, together.
        wait = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ThrottledError) else None
        return min(max(wait, asked or 0.0), self.longest_wait)

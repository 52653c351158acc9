# SPDX-License-Identifier: Apache-2.0
"""
Repeat calls that only read, when they fail for a passing reason.

A send call is never repeated here, because a repeated send can be a second message on a phone.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    NotSentError,
    PaceError,
    ThrottledError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadRetries:
    """
    The rules for repeating a read call.

    Each wait is a random time up to a limit, or the time that the gateway asks for when that is longer.

    :param attempts: number of attempts in all, at least 1.
    :param first_wait: seconds; the limit of the first wait. The limit doubles before each further attempt.
    :param longest_wait: seconds; no wait is longer, whatever the gateway asks for.
    :param around_attempt: returns a context for each attempt, to pace it or to refuse it. An error of its own, other
        than the two that :meth:`call` repeats after, ends the call.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    around_attempt: Callable[[], AbstractContextManager[None]] = nullcontext

    def call(self, attempt: Callable[[], T]) -> T:
        """
        Make attempts until one succeeds, one fails for good, or their number is used up.

        A ``NotSentError`` or an ``AmbiguousOutcomeError`` leads to another attempt; any other error ends the call. So
        does a ``PaceError``: whoever raised it has waited already.

        :param attempt: makes one attempt, which must not change anything at the gateway.
        :returns: the result of the attempt that succeeded.
        :raises ApiError: the error of the last attempt.
        """
        # Without tenacity: it takes a good part of a call's CPU, and nearly all succeed.
        try:
            return self._one(attempt)
        except (NotSentError, AmbiguousOutcomeError) as error:
            first = error
        return self._after(first, attempt)

    def _after(self, first: ApiError, attempt: Callable[[], T]) -> T:
        """Go on after a first attempt that ended in an error, which counts among the attempts."""
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._wait,
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        failed = [first]

        def attempted() -> T:
            # What tenacity takes for the first attempt has been made: it only learns how that one ended.
            if failed:
                raise failed.pop()
            return self._one(attempt)

        return retrying(attempted)

    def _one(self, attempt: Callable[[], T]) -> T:
        with self.around_attempt():
            return attempt()

    def _wait(self, state: RetryCallState) -> float:
        # The wait is random, because the tasks of one DAG start together, are throttled together, and would come back
        # together.
        wait = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ThrottledError) else None
        return min(max(wait, asked or 0.0), self.longest_wait)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, (NotSentError, AmbiguousOutcomeError)) and not isinstance(error, PaceError)

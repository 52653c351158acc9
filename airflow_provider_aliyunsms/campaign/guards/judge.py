# SPDX-License-Identifier: Apache-2.0
"""Ask the guards of one try in their order, and make an error of a decision against sending."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import date, timedelta
from numbers import Number
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.guards.protocol import (
    Decision,
    OutcomeGuard,
    Verdict,
    WindowGuard,
    fail,
)
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    GuardError,
    GuardSkipError,
    GuardUndecidedError,
    GuardWaitError,
)
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.guards.protocol import Guard

log = logging.getLogger(__name__)

_NO_VERDICT: Final = fail("it returned no verdict", advice="Return go(), wait_until(), skip() or fail().")


class GuardJudge:
    """
    The guards of one try with what they decided; the main thread alone uses it.

    :param guards: in the order in which they are asked.
    :param facts: what they judge by.
    :param finished: an earlier try has finished the campaign; a Clear asks again about those whom guards left out.
    :ivar records: what each guard decided last, as the XCom shows it: ``guard``, ``decision``, ``reason``,
        ``figures``, ``until`` where it waits, ``advice`` where it fails, and ``may_change`` where a retry may be
        judged otherwise.
    :ivar error: the error that ends the try for a decision against sending, None while there is none.
    """

    def __init__(self, *, guards: Sequence[Guard], facts: Facts, finished: bool = False) -> None:
        self._guards = tuple(guards)
        self._facts = facts
        self._finished = finished
        self._asked: list[Guard] = []
        self._by_guard: dict[int, dict[str, Any]] = {}
        self.error: GuardError | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return what each guard that was asked decided last."""
        return [*self._by_guard.values()]

    def before_sending(self) -> bool:
        """
        Ask the guards in their order until one decides against sending; return whether none did.

        In a dry run all are asked, and :attr:`error` stays None. Afterwards no guard can leave anybody out.
        """
        try:
            return self._ask_all()
        finally:
            self._facts.close()

    def _ask_all(self) -> bool:
        error: GuardError | None = None
        for guard in self._guards:
            if error is not None and not self._facts.counts.pending:
                break
            self._asked.append(guard)
            verdict = self._ask(guard, guard.before_sending)
            if verdict.decision is not Decision.GO and not self._facts.dry_run:
                error = error or error_of(guard, verdict)
                if not self._finished:
                    break
        # Of a finished campaign those are pending whom a guard left out. Where the guards leave them out again, the
        # decision of another one concerns nobody, and the campaign is what it was.
        self.error = error if error is None or not self._finished or self._facts.counts.pending else None
        return self.error is None

    def before_window(self) -> bool:
        """Ask the guards that judge again while the campaign is sent; return whether more may be sent."""
        if self.error is not None:
            return False
        for guard in self._guards:
            if not isinstance(guard, WindowGuard):
                continue
            verdict = self._ask(guard, guard.before_window, tell=False)
            if verdict.decision is not Decision.GO:
                self._record(guard, verdict)
                self.error = error_of(guard, verdict)
                return False
        return True

    def after_sending(self) -> None:
        """Tell the guards that were asked how the try ended; their errors are logged and change nothing."""
        for guard in self._asked:
            if not isinstance(guard, OutcomeGuard) or self._facts.dry_run:
                continue
            try:
                guard.after_sending(self._facts)
            # Everybody was served by now, or an error is under way that must not be hidden by this one.
            except Exception as error:  # noqa: BLE001 - guards may be the user's own
                say(
                    log,
                    logging.WARNING,
                    "Guard %s could not take note of the outcomes: %s",
                    _name(guard),
                    _told(error),
                )

    def pause(self, *, unjudged: int = 0) -> GuardWaitError | None:
        """
        Return the error that ends a pass after which somebody is left; None for nobody.

        :param unjudged: recipients whose call of an earlier try turned out not to have been accepted, after the
            guards were asked: they are judged in the next pass, at once.
        """
        held = self._facts.held
        if unjudged:
            return GuardWaitError(
                f"{unjudged} recipients of an earlier try were not sent to then, and are judged anew",
                until=self._facts.now,
            )
        if held is None:
            return None
        return GuardWaitError(
            f"{held.count} recipients are held back until {held.until:%Y-%m-%d %H:%M %Z}", until=held.until
        )

    def _ask(self, guard: Guard, question: Callable[[Facts], Verdict], *, tell: bool = True) -> Verdict:
        try:
            found: object = question(self._facts)
            # A guard that forgets to return anything has decided nothing.
            verdict = found if isinstance(found, Verdict) else _NO_VERDICT
        except AliyunSmsError as error:
            verdict = fail(f"it could not judge: {error.message}", advice=_advice(error), may_change=True)
        # A guard may be the user's own and raise anything; whatever it is, it has not said that sending is right.
        except Exception as error:  # noqa: BLE001
            verdict = fail(
                f"it could not judge ({type(error).__name__})",
                advice="Correct the guard, or what it rests on. A retry asks it again.",
                may_change=True,
            )
        if tell:
            self._record(guard, verdict)
        return verdict

    def _record(self, guard: Guard, verdict: Verdict) -> None:
        found: dict[str, Any] = {
            "guard": _name(guard),
            "decision": verdict.decision.value,
            "reason": verdict.reason,
            "figures": _plain(verdict.figures),
        }
        if verdict.until is not None:
            found["until"] = verdict.until.isoformat()
        if verdict.advice is not None:
            found["advice"] = verdict.advice
        if verdict.may_change:
            found["may_change"] = True
        self._by_guard[id(guard)] = found
        level = logging.INFO if verdict.decision is Decision.GO else logging.WARNING
        say(log, level, "Guard %s: %s: %s", found["guard"], verdict.decision.value, verdict.reason)


def error_of(guard: Guard, verdict: Verdict) -> GuardError:
    """Return the error by which a decision against sending ends the try."""
    name = _name(guard)
    if verdict.decision is Decision.WAIT and verdict.until is not None:
        return GuardWaitError(
            f"{name} lets the campaign wait until {verdict.until:%Y-%m-%d %H:%M %Z}: {verdict.reason}",
            until=verdict.until,
        )
    if verdict.decision is Decision.SKIP:
        return GuardSkipError(f"{name} skips the campaign: {verdict.reason}")
    kind = GuardUndecidedError if verdict.may_change else GuardError
    return kind(f"{name} stopped the campaign: {verdict.reason}", advice=verdict.advice)


def _plain(value: object) -> Any:
    """Return figures as JSON has them: the ledger takes nothing else, and would fail when everybody was sent to."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    # Others may show anything of what they hold.
    return str(value) if isinstance(value, Number | str | timedelta) else type(value).__name__


def _name(guard: Guard) -> str:
    return type(guard).__name__


def _told(error: Exception) -> str:
    return error.message if isinstance(error, AliyunSmsError) else type(error).__name__


def _advice(error: AliyunSmsError) -> str:
    return error.advice or "Mend what the guard rests on. A retry asks it again."

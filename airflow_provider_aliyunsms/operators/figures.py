# SPDX-License-Identifier: Apache-2.0
"""
Leave the figures of a send task in an XCom of their own, for the campaign page.

They are written when a try begins, so that the page finds it, and when it ends, in whatever way. A failure to write
them is logged and changes nothing.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_ENDS = (Exception, AirflowTaskTimeout, TaskDeferred)
_OURS = (AirflowFailException, AirflowSkipException)
"""Errors of Airflow whose words may be those of an error of this package."""


class CampaignFigures:
    """
    A context in which a try of a campaign runs; it writes the figures when it is entered and when it is left.

    :param context: the task's.
    :param facts: returns what is known before anything is sent; may raise, then the figures do without.
    :ivar summary: of the try, as far as there is one.
    """

    def __init__(self, *, context: Context, facts: Callable[[], Mapping[str, Any]]) -> None:
        self._context = context
        self._facts = facts
        self._known: dict[str, Any] = {}
        self.summary: Mapping[str, Any] | None = None

    def __enter__(self) -> CampaignFigures:
        self.summary = None
        self._known = {"try": getattr(self._context["ti"], "try_number", 1), "began_at": _now()}
        try:
            self._known |= self._facts()
        except Exception as error:  # noqa: BLE001 - what is wrong here ends the try a moment later, with its own words
            log.debug("The figures of this try do without %s.", type(error).__name__)
        self._push(lambda: {**self._known, "ended": 0})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, _ENDS):
            return
        waits = type(error).__name__ in ("TaskDeferred", "AirflowRescheduleException")
        self._push(
            lambda: {
                **self._known,
                **self._counted(),
                # A number and no boolean: databases compare these in one way.
                "ended": 0 if waits else 1,
                "at": _now(),
                "ending": None if error is None else words_of(error),
            }
        )

    def _counted(self) -> dict[str, Any]:
        from airflow_provider_aliyunsms.campaign.figures import figures_of

        return {} if self.summary is None else figures_of(self.summary)

    def _push(self, figures: Callable[[], Mapping[str, Any]]) -> None:
        from airflow_provider_aliyunsms.campaign.figures import FIGURES_KEY

        ti: Any = self._context["ti"]
        try:
            ti.xcom_push(key=FIGURES_KEY, value=dict(figures()))
        # The backend of the deployment may raise anything, and so may the text of an error that is not ours.
        except Exception as error:  # noqa: BLE001
            say(
                log,
                logging.WARNING,
                "The figures for the campaign page could not be kept as XCom (%s).",
                type(error).__name__,
            )


def place_of_ledger(*, context: Context, durable: bool, ledger_path: str | None) -> str:
    """Return where the ledger of a task is: ``path``, ``airflow``, or ``none`` where it ends with the process."""
    if not durable:
        return "none"
    if ledger_path:
        return "path"
    found: Any = context
    return "none" if found.get("task_state_store") is None else "airflow"


def words_of(error: BaseException) -> str:
    """Return how a try ended, in a sentence that holds neither numbers nor texts."""
    from airflow_provider_aliyunsms.campaign import figures

    # The same classes may come from a hook, or from a function that yields the recipients, with any words.
    cause = error.__cause__
    return figures.words_of(
        cause if isinstance(error, _OURS) and isinstance(cause, AliyunSmsError) else error
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

# SPDX-License-Identifier: Apache-2.0
"""Choose the store of the ledger, describe this try to it, and record a try that failed before it sent."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.common.compat.sdk import conf

from airflow_provider_aliyunsms.campaign.ledger import MemoryStore, Occasion, PathStore, StoragePath, Store
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    ConfigurationError,
    LedgerConflictError,
    LedgerError,
)
from airflow_provider_aliyunsms.hooks.storage import storage_path
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_ELSEWHERE: Final = "aliyun_sms.elsewhere"
"""The key in Airflow's store that says that the ledger is not there but at a ``ledger_path``, or nowhere."""


class TaskStateStore:
    """
    Airflow's task state store (3.3 and later), with values that never expire by themselves.

    Values expire 30 days after they were written, each for itself, unless a write says otherwise; a ledger with
    some of its windows missing says nothing.

    :param store: ``context["task_state_store"]``.
    """

    def __init__(self, store: Any) -> None:
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._store = store
        self._retention = NEVER_EXPIRE

    def get(self, key: str) -> Any:
        """Return the value, None when there is none."""
        return self._store.get(key)

    def set(self, key: str, value: Any) -> None:
        """Write the value."""
        self._store.set(key, value, retention=self._retention)


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """
    The store chosen for the ledger.

    :param store: reads and writes the ledger's values.
    :param fenced: whether the ledger must protect itself against an earlier try whose process is still alive.
        Airflow's own store refuses the writes of such a process by itself.
    :param keeps_all: the store loses nothing by itself, as long as the task is not cleared.
    """

    store: Store
    fenced: bool
    keeps_all: bool = False

    @property
    def is_durable(self) -> bool:
        """Whether the store outlives the process."""
        return not isinstance(self.store, MemoryStore)


def choose_store(
    *, context: Context, campaign_id: str, ledger_path: str | None, durable: bool, dry_run: bool = False
) -> StoreChoice:
    """
    Return the store of the ledger: ``ledger_path``, else Airflow's task state store (3.3 and later).

    Without either, or with ``durable=False``, the store ends with the process: the first try sends, a second one
    refuses to send. The log has a warning then.

    :param context: the task's context; holds the task state store, if this Airflow has one.
    :param campaign_id: names the folder below ``ledger_path``.
    :param ledger_path: a folder on a local disk or a storage, or None.
    :param durable: False for a store that ends with the process.
    :param dry_run: leave no trace of the choice.
    :raises LedgerConflictError: an earlier try of this task kept no ledger in Airflow's store, and this one would.
    :raises LedgerError: Airflow's store cannot be read or written.
    :raises LedgerStorageError: the storage of ``ledger_path`` cannot create a file exclusively.
    :raises ConfigurationError: nothing installed knows the storage of ``ledger_path``.
    """
    store = cast("dict[str, Any]", context).get("task_state_store")
    if not durable or ledger_path:
        if store is not None and not dry_run:
            # Before the first call. An automatic retry that finds Airflow's own store empty takes it that nothing was
            # sent; without this note one that has lost its ledger_path, or its durable=False, would send to everybody
            # again.
            _guarded(lambda: TaskStateStore(store).set(_ELSEWHERE, {"ledger_path": bool(ledger_path)}))
    elif store is not None:
        _check_not_elsewhere(store)
    if not durable:
        say(
            log,
            logging.WARNING,
            "durable=False: there is no ledger, so a retry of this task will refuse to send.",
        )
        return StoreChoice(store=MemoryStore(), fenced=False)
    if ledger_path:
        return StoreChoice(store=path_store(ledger_path=ledger_path, campaign_id=campaign_id), fenced=True)
    if store is None:
        say(
            log,
            logging.WARNING,
            "This Airflow keeps no ledger, and ledger_path is not set: a retry will refuse to send.",
            next_step="Set ledger_path to a storage that outlives the worker.",
        )
        return StoreChoice(store=MemoryStore(), fenced=False)
    # A backend of the deployment's own takes the values out of Airflow's database, which alone refuses the writes
    # of a process that was replaced, and may lose them by rules of its own.
    offloaded = bool(conf.get("workers", "state_store_backend", fallback=""))
    return StoreChoice(store=TaskStateStore(store), fenced=offloaded, keeps_all=not offloaded)


def onlookers_of(context: Context, *, choice: StoreChoice) -> Store | None:
    """Return Airflow's task state store where the ledger is not in it, for the figures of the campaign page."""
    store = cast("dict[str, Any]", context).get("task_state_store")
    if store is None or isinstance(choice.store, TaskStateStore):
        return None
    return TaskStateStore(store)


def _check_not_elsewhere(store: Any) -> None:
    # Twice: a store that answers from an old copy once must not open the way.
    notes = [_guarded(lambda: store.get(_ELSEWHERE)) for _ in range(2)]
    if any(note is not None for note in notes):
        raise LedgerConflictError(
            "an earlier try of this task kept its ledger at a ledger_path, or had none, and this one looks for it in "
            "Airflow's own store",
            advice="Nothing was sent now. Give the task the ledger_path or the durable=False that it had, or correct "
            "its template.",
        )


def _guarded(access: Callable[[], Any]) -> Any:
    try:
        return access()
    # Airflow's connection to its database may raise anything; whatever it is, nothing was sent yet.
    except Exception as error:
        raise LedgerError(
            f"Airflow's task state store could not be used ({type(error).__name__})",
            advice="Nothing was sent now. A retry of the task tries again.",
        ) from error


def path_store(*, ledger_path: str, campaign_id: str) -> PathStore:
    """
    Return the store of a campaign's ledger below ``ledger_path``.

    :raises ConfigurationError: nothing installed knows the storage of ``ledger_path``.
    """
    return PathStore(root=cast("StoragePath", storage_path(ledger_path)), campaign_id=campaign_id)


def occasion_of(context: Context, *, retries: int, choice: StoreChoice, waited: bool = False) -> Occasion:
    """
    Return what Airflow knows of this try.

    :param retries: the operator's own; the count of earlier versions rests on it.
    :param waited: the try goes on after a wait, so that there must be a ledger, although its number may be 1.
    """
    ti = context["ti"]
    # Airflow raises max_tries when a task is cleared and at no other time, not even when its retries are edited.
    first_try = ti.try_number <= 1 and not waited
    clears = getattr(context.get("dag_run"), "clear_number", None)
    edited = ti.max_tries != retries
    return Occasion(
        name=f"{ti.run_id}#{ti.max_tries}",
        also=(f"{ti.run_id}:{ti.max_tries - retries}",),
        first_try=first_try,
        # None where this Airflow does not count them.
        untouched=choice.keeps_all and not edited and clears == 0,
        cleared=edited or bool(clears),
    )


def check_place_is_old(context: Context, *, resend: bool) -> None:
    """
    Refuse a mapped task that is new in a run that was cleared, where its campaign is named after its place.

    To Airflow it never ran. But its recipients may have stood in the input of another task before the Clear, whose
    ledger this one does not read.

    :raises LedgerConflictError: it is; nothing was sent, and no retry helps.
    """
    # At try_number 2 and above a missing ledger is noticed as such.
    if resend or context["ti"].try_number > 1 or not getattr(context.get("dag_run"), "clear_number", None):
        return
    raise LedgerConflictError(
        "this mapped task is new in a run that was cleared, so its recipients may have stood in the input of another "
        "task before, which may have sent to them",
        advice="Nothing was sent now. Trigger a new run, or give the mapped tasks a campaign_id that follows the "
        "input instead of its place, and a ledger_path.",
    )


def check_resend(*, resend: bool, choice: StoreChoice, context: Context, retries: int) -> None:
    """
    Refuse a resend that would send again at each automatic retry, because nothing remembers that it was made.

    :raises ConfigurationError: this is an automatic retry, and the ledger ended with the process of the try before.
    """
    ti = context["ti"]
    first_of_occasion = ti.max_tries - retries + 1
    if resend and not choice.is_durable and ti.try_number > first_of_occasion:
        raise ConfigurationError(
            "resend=True without a ledger would send to all recipients again at each retry",
            advice="Nothing was sent now. Set ledger_path to a storage that outlives the worker, or retries=0.",
        )


@contextlib.contextmanager
def recorded(*, open_ledger: Callable[[], Any]) -> Iterator[None]:
    """
    Run a block that comes before sending; if it fails, record in the ledger that nothing was sent.

    The next try then finds a ledger and may send. If the record cannot be written, the next try refuses to send.
    The error of the block is raised in either case.

    :param open_ledger: opens the ledger of this try; None where there is none that outlives the process.
    """
    try:
        yield
    except Exception:
        # The error of the block is the one to report. Without the record the next try refuses to send, which is
        # safe.
        with contextlib.suppress(AliyunSmsError):
            if (ledger := open_ledger()) is not None:
                # Opening has written the head, which is the record. It is read to its end, so that the copy of a
                # fenced ledger is complete, and closed, so that the next try need not wait for this process.
                deque(ledger.windows(), maxlen=0)
                ledger.close()
                say(
                    log,
                    logging.INFO,
                    "This try ends before it came to send: nothing was sent, says the ledger.",
                )
        raise

# SPDX-License-Identifier: Apache-2.0
"""Choose the store of the ledger, and record in it a try that failed before it sent anything."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_aliyunsms.campaign.ledger import AnyPath, MemoryStore, PathStore, Store
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.hooks.storage import storage_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """
    The store chosen for the ledger.

    :param store: reads and writes the ledger's values.
    :param fenced: whether the ledger must protect itself against an earlier try whose process is still alive.
        Airflow's own store refuses the writes of such a process by itself.
    """

    store: Store
    fenced: bool


def choose_store(
    *, context: Context, campaign_id: str, ledger_path: str | None, durable: bool
) -> StoreChoice:
    """
    Return the store of the ledger: ``ledger_path``, else Airflow's task state store (3.3 and later).

    Without either, or with ``durable=False``, the store ends with the process: the first try sends, a second one
    refuses to send. The log has a warning then.

    :param context: the task's context; holds the task state store, if this Airflow has one.
    :param campaign_id: names the folder below ``ledger_path``.
    :param ledger_path: a folder on any fsspec storage, or None.
    :param durable: False for a store that ends with the process.
    :raises ConfigurationError: nothing installed knows the storage of ``ledger_path``.
    """
    if not durable:
        log.warning("durable=False: there is no ledger, so a retry of this task will refuse to send.")
        return StoreChoice(store=MemoryStore(), fenced=False)
    if ledger_path:
        return StoreChoice(
            store=PathStore(root=cast("AnyPath", storage_path(ledger_path)), campaign_id=campaign_id),
            fenced=True,
        )
    store = cast("dict[str, Any]", context).get("task_state_store")
    if store is None:
        log.warning(
            "This Airflow has no task state store and ledger_path is not set: a retry of this task will refuse "
            "to send. Set ledger_path to a storage that outlives the worker."
        )
        return StoreChoice(store=MemoryStore(), fenced=False)
    return StoreChoice(store=store, fenced=False)


@contextlib.contextmanager
def recorded(
    *, context: Context, campaign_id: str, ledger_path: str | None, durable: bool, occasion: str
) -> Iterator[None]:
    """
    Run a block that comes before sending; if it fails, record in the ledger that nothing was sent.

    The next try then finds a ledger and may send. If the record cannot be written, the next try refuses to send. The
    error of the block is raised in either case.

    :param occasion: the same for a try and its automatic retries, another one after a Clear.
    """
    try:
        yield
    except Exception:
        # The error of the block is the one to report. Without the record the next try refuses to send, which is safe.
        with contextlib.suppress(AliyunSmsError):
            _record(
                context=context,
                campaign_id=campaign_id,
                ledger_path=ledger_path,
                durable=durable,
                occasion=occasion,
            )
        raise


def _record(
    *, context: Context, campaign_id: str, ledger_path: str | None, durable: bool, occasion: str
) -> None:
    from airflow_provider_aliyunsms.campaign.ledger import Ledger

    choice = choose_store(context=context, campaign_id=campaign_id, ledger_path=ledger_path, durable=durable)
    # A record in a store that ends with the process would help no later try.
    if isinstance(choice.store, MemoryStore):
        return
    ledger = Ledger(store=choice.store, campaign_id=campaign_id, fenced=choice.fenced, now=time.time)
    ledger.open(first_try=context["ti"].try_number <= 1, occasion=occasion)
    # Opening has written the head, which is the record. Closing spares the next try the wait for this process.
    ledger.close()
    log.info("This try failed before it came to send; it is written down that nothing was sent.")

# SPDX-License-Identifier: Apache-2.0
"""Choose where the ledger lives."""

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
    A store for the ledger.

    :param store: the store.
    :param fenced: whether an orphan of an earlier try could still write to it.
    """

    store: Store
    fenced: bool


def choose_store(
    *, context: Context, campaign_id: str, ledger_path: str | None, durable: bool
) -> StoreChoice:
    """
    Find the place of the ledger: ``ledger_path``, else Airflow's task state store (3.3 and later).

    Without either the first try sends, and a second one refuses to.
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
    """Run what comes before the sending; should it fail, write down that nothing was sent, if it can be."""
    try:
        yield
    except Exception:
        # The error under way is the one to report; without the record the next try refuses to send.
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
    if isinstance(choice.store, MemoryStore):
        return
    ledger = Ledger(store=choice.store, campaign_id=campaign_id, fenced=choice.fenced, now=time.time)
    ledger.open(first_try=context["ti"].try_number <= 1, occasion=occasion)
    ledger.close()
    log.info("This try failed before it came to send; it is written down that nothing was sent.")

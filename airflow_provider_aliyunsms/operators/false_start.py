# SPDX-License-Identifier: Apache-2.0
"""
A try that fails before it comes to send leaves a ledger behind.

A later try that finds none refuses to send, because it cannot know what the first one did. When that one failed over
a connection, a parameter or a function of the user's, it did nothing, and the next one may go ahead.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.ledger.stores import MemoryStore
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.operators.places import choose_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)


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
    from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger

    choice = choose_store(context=context, campaign_id=campaign_id, ledger_path=ledger_path, durable=durable)
    if isinstance(choice.store, MemoryStore):
        return
    ledger = Ledger(store=choice.store, campaign_id=campaign_id, fenced=choice.fenced, now=time.time)
    ledger.open(first_try=context["ti"].try_number <= 1, occasion=occasion)
    ledger.close()
    log.info("This try failed before it came to send; it is written down that nothing was sent.")

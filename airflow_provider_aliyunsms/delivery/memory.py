# SPDX-License-Identifier: Apache-2.0
"""
Keep progress between the processes of a rescheduled sensor, in a store of small values.

Losing it, or finding half of it, costs nothing but asking again: every damage reads as "nothing remembered".
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.delivery.campaigns import fingerprint
from airflow_provider_aliyunsms.delivery.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.watch import Watch

PREFIX = "aliyun_sms.delivery."
HEAD = PREFIX + "head"
PART_SIZE = 48_000
"""Characters per value; stores complain above 64 KB."""


class Store(Protocol):
    """What is needed of Airflow's ``task_state_store``."""

    def get(self, key: str) -> Any:
        """Return the value, None when there is none."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        ...


def remember(*, store: Store, watch: Watch) -> None:
    """Write the parts first and the head last, so that a torn write is seen by its checksum."""
    text = json.dumps([each.to_json() for each in watch.progress], separators=(",", ":"))
    parts = [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
    for number, part in enumerate(parts):
        store.set(f"{PREFIX}{number}", part)
    head = {
        "fingerprint": fingerprint(watch.campaigns),
        "parts": len(parts),
        "crc": zlib.crc32(text.encode()),
        "failures": watch.failures,
    }
    store.set(HEAD, head)


def recall(*, store: Store, campaigns: Sequence[WatchedCampaign]) -> tuple[list[Progress], int] | None:
    """Return progress and failed rounds in a row, None when nothing whole is remembered of these campaigns."""
    head = store.get(HEAD)
    if not isinstance(head, dict) or head.get("fingerprint") != fingerprint(campaigns):
        return None
    try:
        text = "".join(str(store.get(f"{PREFIX}{number}")) for number in range(int(head["parts"])))
        if zlib.crc32(text.encode()) != head["crc"]:
            return None
        return [Progress.from_json(each) for each in json.loads(text)], int(head["failures"])
    except (KeyError, TypeError, ValueError):
        return None


def forget(*, store: Store) -> None:
    """Make the next :func:`recall` find nothing, so that a cleared task asks for everyone again."""
    if store.get(HEAD) is not None:
        store.set(HEAD, {})

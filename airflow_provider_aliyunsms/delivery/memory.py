# SPDX-License-Identifier: Apache-2.0
"""
Keep what is known between the processes of a sensor, in a store of small values.

Losing it, or finding half of it, costs nothing but asking again: every damage reads as "nothing remembered".
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_aliyunsms.delivery.checkpoint import Known

PREFIX = "aliyun_sms.delivery."
HEAD = PREFIX + "head"
PART_SIZE = 48_000
"""Characters per value; stores complain above 64 KB."""

if TYPE_CHECKING:
    from collections.abc import Mapping


class Store(Protocol):
    """What is needed of Airflow's ``task_state_store``."""

    def get(self, key: str) -> Any:
        """Return the value, None when there is none."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        ...


def remember(*, store: Store, known: Known) -> None:
    """
    Write the parts first and the head last, and never over the parts the head still names.

    A write that is torn leaves what was remembered before.
    """
    text = json.dumps(known.to_json(), separators=(",", ":"))
    side = 1 - _side(store.get(HEAD))
    parts = [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
    for number, part in enumerate(parts):
        store.set(_key(side=side, number=number), part)
    store.set(HEAD, {"side": side, "parts": len(parts), "crc": zlib.crc32(text.encode())})


def recall(*, store: Store, fingerprint: str) -> Known | None:
    """Return what was remembered of these campaigns, None when it is nothing whole."""
    head = store.get(HEAD)
    if not isinstance(head, dict):
        return None
    try:
        text = _text(store=store, head=head)
        return Known.from_json(json.loads(text), fingerprint=fingerprint) if text else None
    except (KeyError, TypeError, ValueError):
        return None


def forget(*, store: Store) -> None:
    """Make the next :func:`recall` find nothing, so that a cleared task asks for everyone again."""
    if store.get(HEAD) is not None:
        store.set(HEAD, {})


def _text(*, store: Store, head: Mapping[str, Any]) -> str | None:
    side = _side(head)
    text = "".join(str(store.get(_key(side=side, number=number))) for number in range(int(head["parts"])))
    return text if zlib.crc32(text.encode()) == head["crc"] else None


def _side(head: Any) -> int:
    return 1 if isinstance(head, dict) and head.get("side") == 1 else 0


def _key(*, side: int, number: int) -> str:
    return f"{PREFIX}{side}.{number}"

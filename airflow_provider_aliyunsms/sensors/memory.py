# SPDX-License-Identifier: Apache-2.0
"""What a sensor remembers between its processes, where Airflow gives it a place to."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_aliyunsms.delivery import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint

log = logging.getLogger(__name__)


class SensorMemory:
    """
    Airflow's task state store (3.3 and later), or nothing.

    :param store: the store, None where there is none: then nothing is kept and nothing found.
    """

    def __init__(self, store: memory.Store | None) -> None:
        self._store = store

    @classmethod
    def of(cls, context: Context) -> SensorMemory:
        """Find the store of a task."""
        return cls(cast("memory.Store | None", cast("dict[str, Any]", context).get("task_state_store")))

    @property
    def exists(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def recall(self, *, fingerprint: str) -> Checkpoint | None:
        """Return what was remembered of these campaigns, None when it is nothing."""
        if self._store is not None:
            with _tolerated("read"):
                return memory.recall(store=self._store, fingerprint=fingerprint)
        return None

    def remember(self, known: Checkpoint) -> None:
        """Keep what is known."""
        if self._store is not None:
            with _tolerated("kept"):
                memory.remember(store=self._store, known=known)

    def forget(self) -> None:
        """Make a cleared task ask for everyone again."""
        if self._store is not None:
            with _tolerated("forgotten"):
                memory.forget(store=self._store)


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    """Go on without a store that fails: it only means asking again, or being told once more what was found."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Airflow's stores fail in many ways, and none may end a sensor
        log.warning("The progress could not be %s: %s", what, type(error).__name__)

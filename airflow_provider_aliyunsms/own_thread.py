# SPDX-License-Identifier: Apache-2.0
"""Run something that blocks in a thread of its own, and await it."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], *, name: str) -> T:
    """
    Run a function in a new thread and return its result.

    What waits for the gateway, or for its turn in the account's pace, can take minutes, and ``asyncio.to_thread`` has
    only a few threads for all triggers of the process.

    :param name: the beginning of the thread's name.
    """
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    try:
        # With a copy of the context, because Airflow finds the task's log through it.
        return await asyncio.get_running_loop().run_in_executor(
            executor, contextvars.copy_context().run, work
        )
    finally:
        # Without waiting: after a cancelled await the thread still runs, and waiting would block the event loop and
        # all triggers of the process.
        executor.shutdown(wait=False)

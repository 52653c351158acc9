# SPDX-License-Identifier: Apache-2.0
"""
Keep the durable record of the calls a campaign means to make and of how each of them ended.

What enters: the intent to send some chunks (:meth:`Ledger.write_intents`), before any of them may be sent, and
later their outcomes (:meth:`Ledger.save`). What leaves, in a later try: every :class:`Window` with one
:class:`Entry` for each chunk. From these the later try knows which recipients were sent to and which calls have an
unknown outcome. The record holds keys (hashes), ids and codes; never a phone number, a text or a secret.

* ``ledger`` opens the record of a campaign, decides whether this try may send at all (:class:`Opening`), and writes
  intents and outcomes.
* ``windows`` defines the form of the record: a window is a group of chunks whose intents are written as one value.
* ``fence`` protects a store that cannot refuse the writes of an older process: every try writes below an epoch of
  its own.
* ``stores`` holds the places where a ledger can live. A :class:`Store` has ``get`` and ``set``; Airflow's
  ``task_state_store`` is one, :class:`PathStore` another.

The order is: open, read all windows, and only then send. For each window the intents are written before its calls
are made, and an outcome that releases recipients is written before the intent that sends to them again.

Threads: only the main thread of a try uses this package. There is one exception: worker threads read
:attr:`Ledger.written_at`, a single number.

What must never happen: a call is made whose intent is not in the store; a write fails and counts as done; a damaged
or missing part counts as "nothing was sent". In every doubtful case ``LedgerError`` is raised, and nothing is sent.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger, Occasion, Opening
from airflow_provider_aliyunsms.campaign.ledger.stores import MemoryStore, PathStore, StoragePath, Store
from airflow_provider_aliyunsms.campaign.ledger.windows import MAX_BYTES, Entry, Window, bytes_of

__all__ = [
    "MAX_BYTES",
    "Entry",
    "Ledger",
    "MemoryStore",
    "Occasion",
    "Opening",
    "PathStore",
    "StoragePath",
    "Store",
    "Window",
    "bytes_of",
]

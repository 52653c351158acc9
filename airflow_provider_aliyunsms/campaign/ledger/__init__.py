# SPDX-License-Identifier: Apache-2.0
"""
Record durably, per chunk, what was about to be sent and what became of it.

What enters: the intent to send some chunks (:meth:`Ledger.write_intents`), before any of them may leave, and later
their outcomes (:meth:`Ledger.save`). What leaves, in a later try: every :class:`Window` with its :class:`Entry` for
each chunk, from which that try knows who was sent to and which calls are of unknown fate. It holds keys (hashes),
ids and codes; never a number, a text or a secret.

* ``ledger`` opens the record of a campaign, decides whether this try may send at all (:class:`Opening`), writes and
  confirms.
* ``windows`` is the form of the record: some chunks whose intents are written in one stroke.
* ``fence`` keeps a process that was replaced, and does not know it yet, from doing harm: on a store that takes
  writes from anybody every try writes below an epoch of its own.
* ``stores`` are the places it can live in. A :class:`Store` has ``get`` and ``set``; Airflow's ``task_state_store``
  is one, :class:`PathStore` another.

The order of things: open, restore, then for each window intents before calls, and outcomes before anything that
follows from them. Only the main thread of a try comes here.

What must never happen: a call whose intent is not in the store; a write that fails and is taken for done; a damaged
or missing part that is taken for "nothing was sent". Whatever is in doubt raises ``LedgerError``, and nothing is
sent.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger, Opening
from airflow_provider_aliyunsms.campaign.ledger.stores import AnyPath, MemoryStore, PathStore, Store
from airflow_provider_aliyunsms.campaign.ledger.windows import MAX_BYTES, Entry, Window, bytes_of

__all__ = [
    "MAX_BYTES",
    "AnyPath",
    "Entry",
    "Ledger",
    "MemoryStore",
    "Opening",
    "PathStore",
    "Store",
    "Window",
    "bytes_of",
]

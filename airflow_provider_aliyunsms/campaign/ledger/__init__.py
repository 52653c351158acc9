# SPDX-License-Identifier: Apache-2.0
"""
Keep the durable record of the calls a campaign means to make and of how each of them ended.

What enters: the intent to send some chunks (:meth:`Ledger.write_intents`), before any of them may be sent, and
later their outcomes (:meth:`Ledger.save`). What leaves, in a later try: every :class:`Window` with one
:class:`Entry` for each chunk. From these the later try knows which recipients were sent to and which calls have an
unknown outcome. The record holds keys (hashes), ids and codes; never a phone number, a text or a secret.

* ``ledger`` opens the record and writes it. :meth:`Ledger.open` is told what Airflow says of this try
  (:class:`Occasion`) and decides whether the try may send at all. It returns an :class:`Opening`: whether an earlier
  try left a record, whether that try's process may still be alive, and the summary if one was written.
* ``windows`` defines the form of the record. An :class:`Entry` is one chunk: label, hashes of its recipients, time of
  the last attempt, outcome. A :class:`Window` is the entries of some chunks that are written as one value, because a
  write for each chunk would cost more than its call.
* ``stores`` holds the places where a ledger can live. A :class:`Store` has ``get`` and ``set``. Airflow's
  ``task_state_store`` is one; :class:`PathStore` is a folder, also on remote storage.
* ``shard_record`` keeps the number of shards of a campaign, which must never change.
* ``fence`` protects a store that cannot refuse the writes of an older process, such as a folder. Each try claims the
  next number, its *epoch*, and puts it into the names of all values that it writes
  (``aliyun_sms.e000002.g1.w000001``). So it cannot overwrite anything of another try.

The values of a ledger: a *head*, which names the campaign and its owner; the windows; and a summary once all
recipients were served. Absence is no proof. Every window is counted, by the head or by an earlier window: one that
was counted and that the store does not have, or a missing head beside windows, ends the try before its first call.

The order is: open, read all windows, which also counts them, and only then send. The intents of a window are
written, and the window is counted, before its calls are made. An outcome that allows recipients to be sent to again
is written before the intent that sends to them.

Threads: only the main thread of a try uses this package. There is one exception: worker threads read
:attr:`Ledger.written_at`, a single number.

What must never happen: a call is made whose intent is not in the store; a write fails and counts as done; a damaged
or missing part counts as "nothing was sent". In every doubtful case ``LedgerError`` is raised, and nothing is sent.

Another fact about a chunk is a field of ``Entry`` with a key in its JSON; old ledgers do not have it, so reading must
do without. Another place to store ledgers is a class in ``stores``.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger, Occasion, Opening
from airflow_provider_aliyunsms.campaign.ledger.shard_record import ShardRecord
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
    "ShardRecord",
    "StoragePath",
    "Store",
    "Window",
    "bytes_of",
]

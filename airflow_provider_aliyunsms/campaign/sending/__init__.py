# SPDX-License-Identifier: Apache-2.0
"""
Send to every pending recipient in the spool once, and settle every call whose outcome is unknown.

What enters: a plan (how to send), an open ledger and a loaded spool. What leaves: the outcomes, written to ledger
and spool, and the number of chunks whose outcome a later try may still find out. Outside this package
:class:`Sender` is the only entry to all of it.

One chunk passes through these steps:

1. Its intent is written to the ledger (``bookkeeping``), and it becomes a job.
2. The main thread hands the job to a worker thread (``workers``).
3. The worker thread asks whether the job may still start (``permits``), makes the call (``jobs``) and puts the
   outcome into a queue.
4. The main thread writes the outcome to spool and ledger (``bookkeeping``).
5. Without a clear response the chunk stays open: it is looked up and replayed (``jobs``) until ``evidence`` decides
   what may be done with it.

``stop_conditions`` decides before every step whether the try must end; ``progress`` reports how far it is.

Threads: one main thread, which decides and which alone uses ledger and spool, and up to ``max_concurrency`` worker
threads, which make the calls. Besides values that never change, they share only this:

* the two queues of :class:`Workers`;
* a :class:`.jobs.Job` and its :class:`.Entry`: only the thread that holds the job writes their fields, and only the
  main thread may read the entry meanwhile;
* two fields of :class:`.permits.StartPermits`: ``_raised``, written by worker threads, and ``_closed``, written by
  the main thread;
* :attr:`.Ledger.written_at`, which workers only read;
* the channel, the clock and ``stop_reason``, which any thread may call.

What must never happen: a call before its intent is durable; two open intents for one recipient; a call that starts
although the sending had a reason to stop; an outcome that is known and not written; a chunk with an unknown outcome
that is sent anew without evidence that it did not arrive. Each line whose place or order prevents one of these has
a comment.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.sending.progress import ProgressReporter
from airflow_provider_aliyunsms.campaign.sending.sender import Sender
from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers, Workers

__all__ = ["MakeWorkers", "ProgressReporter", "Sender", "Workers"]

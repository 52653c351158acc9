# SPDX-License-Identifier: Apache-2.0
"""
Send to every pending recipient in the spool once, and settle every call whose outcome is unknown.

What enters: a plan (how to send), an open ledger and a loaded spool. What leaves: the outcomes, written to ledger
and spool, and the number of chunks whose outcome a later try may still find out.

``campaign/run.py`` uses three names of this package: :class:`Sender` does it all; :class:`Workers` is the pool of
threads that is given to it (tests give others, :class:`MakeWorkers` says how); :class:`ProgressReporter` writes
counts to the log and to the ledger while it runs.

First ``restoring`` applies what the ledger says of earlier tries to the rows of this one. Then each chunk passes
through these steps:

1. It is cut from the pending recipients, or from a chunk that has to be sent anew (``supply``). Its intent is written
   to the ledger (``bookkeeping``), and it becomes a *job*: a chunk on its way to an outcome.
2. The main thread hands the job to a worker thread (``workers``).
3. The worker thread asks whether the job may still start (``permits``), makes the call (``jobs``) and puts the
   outcome into a queue. Something may have happened since step 2 that ends the sending; therefore it asks.
4. The main thread writes the outcome to spool and ledger (``bookkeeping``).
5. Without a clear response the chunk stays open; ``open_jobs`` says when it is due. ``jobs`` looks for records of it
   at the gateway, and may *replay* it: it sends the identical signed request again, with the same nonce (a text that
   makes a request unique). The gateway refuses a nonce that it has seen, so the response shows whether the first copy
   had arrived. ``evidence`` decides what may be done with the chunk.

``stop_conditions`` decides before every step whether the try must end. ``common_refusal`` finds out with a few
single recipients whether a refusal holds for all. ``stop_reason``, a function of the plan, tells
it that the task was killed or lost its supervisor; worker threads call the same function right before each call.

Threads: one main thread, which decides and which alone uses ledger and spool, up to ``max_concurrency`` worker
threads, which make the calls, and a few more, which look up beside them. Besides values that never change, they
share only this:

* the queues of :class:`Workers`;
* a :class:`.jobs.Job` and its :class:`.Entry`: only the thread that holds the job writes their fields, and only the
  main thread may read the entry meanwhile;
* ``_raised`` (written by worker threads) and ``_closed`` (by the main thread) of :class:`.permits.StartPermits`, and
  ``accepted`` of :class:`.jobs.Attempts` (by the main thread);
* :attr:`.Ledger.written_at`, which workers only read;
* the channel, the clock and ``stop_reason``, which any thread may call.

What must never happen: a call before its intent is durable; two open intents for one recipient; a call that starts
although the sending had a reason to stop; an outcome that is known and not written; a chunk with an unknown outcome
that is sent anew without evidence that it did not arrive. Each line whose place or order prevents one of these has
a comment.

A new reason to end a try goes into ``stop_conditions``; a new rule about what a look-up or a response proves into
``evidence``, which has no state and no threads.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.sending.progress import ProgressReporter
from airflow_provider_aliyunsms.campaign.sending.sender import Sender
from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers, Workers

__all__ = ["MakeWorkers", "ProgressReporter", "Sender", "Workers"]

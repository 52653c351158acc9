# SPDX-License-Identifier: Apache-2.0
"""
Send to everybody in the spool once, and settle every call whose fate is unknown.

What enters: a plan (how to send), an open ledger and a loaded spool. What leaves: the outcomes, written to both,
and the number of chunks whose fate a later try may still find out. :class:`Sender` is the whole from outside.

The order of things for one chunk: its intent is durable (``bookkeeping`` -> ledger); it becomes a job; it is handed
to a worker thread (``workers``); the thread asks once more whether it may start (``permits``), makes the call
(``jobs``) and gives the outcome back; the main thread writes it to ledger and spool. Without a clear answer the
chunk stays open: it is looked up and replayed (``jobs``) until ``evidence`` says what may be done with it.
``stop_conditions`` says before every step whether the try must end; ``progress`` reports how far it is.

Threads: the main thread alone talks to ledger and spool and decides. Worker threads make calls, and share with it
only the queues of ``workers`` and the counters of ``permits``. The lines that keep this are commented where they
stand.

What must never happen: a call before its intent; two open intents for one recipient; a call that starts after the
sending had a reason to stop; an outcome that is known and not written; a chunk of unknown fate that is sent anew
without evidence that it did not arrive.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.sending.progress import ProgressReporter
from airflow_provider_aliyunsms.campaign.sending.sender import Sender
from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers, Workers

__all__ = ["MakeWorkers", "ProgressReporter", "Sender", "Workers"]

# SPDX-License-Identifier: Apache-2.0
"""
The CPU of one campaign by stage, in a process of its own; prints JSON::

    python -m benchkit.stages --url http://127.0.0.1:1234 --kind CSV --size 100000

The functions in which a stage begins are replaced by ones that count the CPU of their thread, without that of another
stage that they call. They are called once for a block, a page or a call, never once for a recipient.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import resource
import tempfile
import threading
import time
from types import GeneratorType

READING = "reading and checking"
KEYS = "keys"
SPOOL = "spool"
INTENTS = "ledger, intents"
OUTCOMES = "ledger, outcomes"
HANDING_OVER = "handing over, main thread"
SIGNING = "calls: form and signature"
HTTP = "calls: HTTP"
CALL = "calls: the answer and the rest"
THREADS = "calls: waiting and handing back"
RECEIPTS = "receipts"
RESULT = "opening and result"

STAGES = (
    READING,
    KEYS,
    SPOOL,
    INTENTS,
    OUTCOMES,
    HANDING_OVER,
    SIGNING,
    HTTP,
    CALL,
    THREADS,
    RECEIPTS,
    RESULT,
)

PLACES = {
    "audience.spool.spool:prepare_block": READING,
    "campaign.run:recipient_keys": KEYS,
    "audience.spool.spool:Spool.load": SPOOL,
    "audience.spool.spool:Spool.unsettled": SPOOL,
    "audience.spool.spool:Spool.settle": SPOOL,
    "audience.spool.spool:Spool.counts": SPOOL,
    "campaign.ledger.ledger:Ledger.write_intents": INTENTS,
    "campaign.ledger.ledger:Ledger.settle": OUTCOMES,
    "campaign.ledger.ledger:Ledger.save": OUTCOMES,
    "campaign.sending.sender:Sender.run": HANDING_OVER,
    "campaign.channels.china:_china_lists": SIGNING,
    "api.client:batch_sms_form": SIGNING,
    "api.client:sign_acs3": SIGNING,
    "api.transport:Transport.send": HTTP,
    "campaign.channels.china:ChinaChannel.submit": CALL,
    "campaign.run:Campaign.run": RESULT,
}
"""Where a stage begins; what is called from there belongs to it until another stage begins."""


class StageClock:
    """Count the CPU of each stage, whatever thread it is in."""

    def __init__(self):
        self._own = threading.local()
        # one for each thread, so that no two add to the same number
        self._totals = []

    def __call__(self, stage, function):
        """Return a function that does the same and counts for a stage."""

        @functools.wraps(function)
        def counted(*args, **named):
            result = self._count(stage, lambda: function(*args, **named))
            return self.each(stage, result) if isinstance(result, GeneratorType) else result

        return counted

    def each(self, stage, items):
        """Yield the items, and count what it takes to get them."""
        nothing = object()
        while (item := self._count(stage, lambda: next(items, nothing))) is not nothing:
            yield item

    def seconds(self):
        """Return the seconds of each stage so far."""
        return {stage: sum(each.get(stage, 0.0) for each in self._totals) for stage in STAGES}

    def _count(self, stage, work):
        own = self._own
        if not hasattr(own, "inner"):
            own.inner, own.totals = [], {}
            self._totals.append(own.totals)
        own.inner.append(0.0)
        began = time.thread_time()
        try:
            return work()
        finally:
            spent = time.thread_time() - began
            own.totals[stage] = own.totals.get(stage, 0.0) + spent - own.inner.pop()
            if own.inner:
                own.inner[-1] += spent


def replace_all(clock):
    """Let every place count; a place that is gone is an error, because its CPU would go to another stage."""
    for place, stage in PLACES.items():
        module, _, name = place.partition(":")
        owner = importlib.import_module(f"airflow_provider_aliyunsms.{module}")
        *outer, name = name.split(".")
        for each in outer:
            owner = getattr(owner, each)
        setattr(owner, name, clock(stage, getattr(owner, name)))
    threading.Thread.run = clock(THREADS, threading.Thread.run)


def measure(*, url, kind, size):
    """Run one campaign and return what its stages took, in microseconds for each recipient."""
    began = time.process_time()
    from benchkit.engine import Campaign, plan_for

    imports = time.process_time() - began
    from dataclasses import replace

    from benchkit.audiences import audience

    clock = StageClock()
    replace_all(clock)
    with tempfile.TemporaryDirectory(prefix="bench-stages-") as folder:
        source = audience(kind, folder=folder, size=size)
        before, cpu = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
        plan = plan_for(url=url, audience=source, folder=folder, ledger=True)
        plan = replace(
            plan,
            blocks=clock.each(READING, plan.blocks),
            keep_receipts=clock(RECEIPTS, plan.keep_receipts),
        )
        result = Campaign(plan=plan).run()
        # what a thread took is known when it has ended
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(10)
        whole, after = time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF)
    calls = result.summary["requests"]
    return {
        "accepted": result.summary["accepted"],
        "imports_ms": imports * 1000,
        "whole_us": whole / size * 1e6,
        "stages_us": {stage: seconds / size * 1e6 for stage, seconds in clock.seconds().items()},
        "switches_waiting": (after.ru_nvcsw - before.ru_nvcsw) / calls,
        "switches_forced": (after.ru_nivcsw - before.ru_nivcsw) / calls,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--size", type=int, required=True)
    print(json.dumps(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

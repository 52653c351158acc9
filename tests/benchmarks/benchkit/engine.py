# SPDX-License-Identifier: Apache-2.0
"""
One campaign through the operator's own engine, in a process of its own; prints what it took as JSON::

    python -m benchkit.engine --url http://127.0.0.1:1234 --audience audience.csv --folder /tmp/x --ledger

With ``--resumed`` it is the second try of a campaign that another process began in the same folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from pathlib import Path

from benchkit.clients_ours import our_client
from benchkit.sample import SIGN_NAME, TEMPLATE_CODE
from benchkit.usage import cpu_seconds, peak_mb

from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
from airflow_provider_aliyunsms.campaign.channels.china import ChinaChannel
from airflow_provider_aliyunsms.campaign.ledger import MemoryStore, Occasion, PathStore
from airflow_provider_aliyunsms.campaign.plan import Plan, Texts
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.campaign.receipts.files import write_receipts
from airflow_provider_aliyunsms.campaign.run import Campaign


class TimedChannel(ChinaChannel):
    """Note when the first call of a try began, and when the last look-up had its answer."""

    first_call_at = None
    looked_until = None

    def submit(self, **asked):
        self._begin()
        return super().submit(**asked)

    def look_up(self, **asked):
        self._begin()
        try:
            return super().look_up(**asked)
        finally:
            self.looked_until = time.monotonic()

    def _begin(self):
        if self.first_call_at is None:
            self.first_call_at = time.monotonic()


def plan_for(
    *,
    url,
    audience,
    folder,
    ledger,
    max_qps=None,
    width=16,
    chunk_size=100,
    fenced=True,
    resumed=False,
    guards="none",
    size=0,
):
    """
    Return the plan that the operator would make.

    :param audience: the path of a file, or a list.
    :param fenced: the ledger is one at ``ledger_path``; False for one like Airflow's own store, which refuses the
        writes of a try that was given up.
    :param resumed: another process began this campaign.
    :param guards: the name of one, ``all``, or ``none``, which does not even load them.
    :param size: the recipients of the audience, for the guards.
    """
    receipts = Path(folder) / "receipts.jsonl"

    def keep(rows, _total):
        with receipts.open("wb") as stream:
            write_receipts(receipts=rows, path=str(receipts), stream=stream)
        return {"receipts_path": str(receipts)}

    channel, more = TimedChannel if resumed else ChinaChannel, {}
    if guards != "none":
        from benchkit.guarded import Deployment, KnownTemplate, guards_for, planned_now

        channel = KnownTemplate
        more = {
            "guards": guards_for(guards, folder=folder, size=size),
            "planned_at": planned_now(),
            "texts": Texts(template_code=TEMPLATE_CODE),
            "surroundings": Deployment(),
        }
    store = PathStore(root=Path(folder) / "ledger", campaign_id="bench") if ledger else MemoryStore()
    return Plan(
        campaign_id="bench",
        blocks=read_blocks(audience, open_binary=lambda path: Path(path).open("rb")),
        rules=ChinaRules(sign_name=SIGN_NAME, template_param=None),
        dedupe="content",
        channel=channel(client=our_client(url), template_code=TEMPLATE_CODE),
        store=store,
        fenced=ledger and fenced,
        occasion=Occasion(first_try=not resumed),
        policy=SendPolicy(chunk_size=chunk_size, max_concurrency=width, max_qps=max_qps),
        limits=AudienceLimits(),
        keep_receipts=keep,
        stop_reason=lambda: None,
        **more,
    )


def campaign(**options):
    """Run one and return its figures."""
    began, cpu = time.monotonic(), cpu_seconds()
    plan = plan_for(**options)
    result = Campaign(plan=plan).run()
    moments = {
        "began_at": began,
        "first_call_at": getattr(plan.channel, "first_call_at", None),
        "looked_until": getattr(plan.channel, "looked_until", None),
    }
    return {
        "seconds": time.monotonic() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_mb": peak_mb(),
        "accepted": result.summary["accepted"],
        "unknown": result.summary["unknown"],
        "requests": result.summary["requests"],
        "moments": moments,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--audience", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--ledger", action="store_true", help="keep a ledger below the folder")
    parser.add_argument("--max-qps", type=float)
    parser.add_argument("--chunk-size", type=int, default=100)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--resumed", action="store_true")
    parser.add_argument("--unfenced", dest="fenced", action="store_false")
    parser.add_argument("--guards", default="none", help="all, or the name of one")
    parser.add_argument("--size", type=int, default=0)
    logging.basicConfig(level=os.environ.get("BENCH_LOG", "ERROR"))
    print(json.dumps(campaign(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

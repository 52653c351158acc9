# SPDX-License-Identifier: Apache-2.0
"""
Load one audience into a spool as a campaign does, in a process of its own; prints the CPU as JSON::

    python -m benchkit.loading --kind CSV --size 200000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchkit.audiences import KINDS, audience
from benchkit.sample import SIGN_NAME

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool


def open_binary(path):
    """Open a file of the audience."""
    return Path(path).open("rb")


def load(source):
    """Read, check and key an audience, drop its duplicates, and return how many can be sent to."""
    with Spool() as spool:
        spool.load(
            read_blocks(source, open_binary=open_binary),
            rules=ChinaRules(sign_name=SIGN_NAME, template_param=None),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id="bench", numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        return spool.ready


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-loading-") as folder:
        # what a reader imports when it is used first is no matter of the rows
        load(audience(options.kind, folder=folder, size=1))
        source = audience(options.kind, folder=folder, size=options.size)
        cpu = time.process_time()
        ready = load(source)
        print(json.dumps({"cpu_seconds": time.process_time() - cpu, "ready": ready}))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""
The loop over the official SDK's client, as a module of a DAG and in a plain process without Airflow::

    python -m benchkit.looping --url http://127.0.0.1:1234 --audience audience.csv

The process prints what the loop took as JSON. The SDK is imported before, so that its import is not counted.
"""

from __future__ import annotations

import argparse
import json
import time

from benchkit.clients_official import official_sdk, send_official
from benchkit.sample import batches
from benchkit.usage import cpu_seconds, peak_mb


def send_all(url, audience):
    """Send one call after the other, and return how many recipients were accepted."""
    client = official_sdk(url)
    accepted = 0
    for batch in batches(audience):
        send_official(client, batch)
        accepted += len(batch[0])
    return accepted


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--audience", required=True)
    options = parser.parse_args()
    began, cpu = time.monotonic(), cpu_seconds()
    accepted = send_all(options.url, options.audience)
    figures = {
        "seconds": time.monotonic() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_mb": peak_mb(),
        "accepted": accepted,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

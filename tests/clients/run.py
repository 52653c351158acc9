# SPDX-License-Identifier: Apache-2.0
"""
Try clients that others wrote, unmodified, against the simulator: ``make clients-test``.

    python tests/clients/run.py [--write] [--only TEXT]

Prints tables; with ``--write`` it also writes them into ``docs/simulator-clients.md``. The exit status is 0 when
every client passed every check that it has a call for.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from certificates import self_signed
from checks import (
    CHECKS,
    ERRORS,
    NUMBER,
    TOKEN,
    WITH_TOKEN,
    WRONG_TOKEN,
    Bench,
    MissingCallError,
    send_one,
    single,
)
from clients import HERE, go_clients, node_clients, python_clients
from driver import Account, ClientFailedError, started
from page import Record, tables, write
from wire import request_of

from airflow_provider_aliyunsms.simulator.server import running

# Every runtime, and one SDK, has a variable that names the certificates to trust; nothing of a client is changed.
TRUST = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "ALIBABA_CLOUD_CA_BUNDLE")


@dataclass(frozen=True)
class Simulators:
    """
    The simulators that a client is tried against.

    :param plain: speaks http.
    :param secured: speaks https with a certificate that signs itself.
    :param guarded: wants an STS token.
    """

    plain: object
    secured: object
    guarded: object


def main():
    """Try every client, print and perhaps write the page."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page of the docs")
    parser.add_argument("--only", default="", help="a part of the label of the clients to try")
    wishes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scratch = Path(folder)
        certificate = self_signed(scratch)
        common = {"delivery_delay": 0, "globe_qps": 0}
        simulators = Simulators(
            plain=stack.enter_context(running(**common)),
            secured=stack.enter_context(running(certificate=certificate, **common)),
            guarded=stack.enter_context(running(security_token=TOKEN, **common)),
        )
        trust = dict.fromkeys(TRUST, str(certificate.chain))
        environment = {**os.environ, **trust, "PYTHONPATH": str(HERE / "drivers")}
        of_go = go_clients(scratch)
        records = [
            _tried(client, simulators, environment)
            for client in (*python_clients(), *node_clients(), *of_go)
            if wishes.only in client.label
        ]
        example = _node_example(simulators.plain)
    text = tables(records, runtimes=_runtimes())
    sys.stdout.write(text + "\n")
    if wishes.write and of_go and not wishes.only:
        write(text)
    elif wishes.write:
        sys.stdout.write(
            "\nThe page stays as it is: not every client was tried (Go needs Debian's packages)\n"
        )
    cells = [cell for each in records for cell in (*each.calls.values(), *each.errors.values())]
    cells.append(example)
    passed = sum(not cell.startswith("**failed") for cell in cells)
    sys.stdout.write(f"\n{passed} passed, {len(cells) - passed} failed\n")
    return int(passed < len(cells) or not cells)


def _tried(client, simulators, environment):
    with started(client.command, folder=HERE, environment=environment) as driver:
        record = Record(
            label=client.label,
            packages=client.packages,
            wire=request_of(lambda url: driver.call(Account(url=url), "SendSms", single(NUMBER))),
        )
        for title, check in CHECKS.items():
            record.calls[title] = _cell(check, driver, simulators.plain)
        for title, check in WITH_TOKEN.items():
            record.calls[title] = _cell(check, driver, simulators.guarded)
        record.calls["https"] = _cell(send_one, driver, simulators.secured)
        for title, check in ERRORS.items():
            record.errors[title] = _cell(check, driver, simulators.plain)
        for title, check in WRONG_TOKEN.items():
            record.errors[title] = _cell(check, driver, simulators.guarded)
    return record


def _cell(check, driver, simulator):
    simulator.reset()
    try:
        return check(Bench(driver, simulator, Account(url=simulator.url)))
    except MissingCallError:
        return "-"
    except ClientFailedError as error:
        return f"**failed**: {error}"


def _node_example(simulator):
    """Run the example of the docs as it is written, beside the packages."""
    simulator.reset()
    example = HERE.parents[1] / "containers" / "simulator" / "examples" / "send.cjs"
    done = subprocess.run(
        ["node", "-"],
        input=example.read_text(encoding="utf-8"),
        cwd=HERE,
        env={**os.environ, "SMS_ENDPOINT": simulator.endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    passed = done.stdout == "OK\n" and simulator.counts() == {NUMBER: 1}
    return "yes" if passed else f"**failed**: {done.stdout}{done.stderr}"


def _runtimes():
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"Python {platform.python_version()}, Node {node.removeprefix('v')}"


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Run the command ``aliyunsms-simulator``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.options import Options, is_loopback
from airflow_provider_aliyunsms.simulator.server import LOOPBACK, SimulatorServer, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPOSED = (
    "warning: listening on %s: everyone who can reach this address can read the simulated messages "
    "and change the simulator's behaviour"
)


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a simulator until a signal stops it.

    :param argv: the arguments without the program's name; those of the process when None.
    :returns: the exit status: 0 after Ctrl-C, 2 when the simulator cannot start.
    """
    arguments = _parser().parse_args(argv)
    if not is_loopback(arguments.host):
        _tell(_EXPOSED % arguments.host)
    try:
        server = _server(arguments)
    except (ConfigurationError, OSError) as error:
        _tell(f"aliyunsms-simulator cannot start: {error}")
        return 2
    sys.stdout.write(f"aliyunsms-simulator listening on {server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_until_stopped()
    except KeyboardInterrupt:
        return 0
    return 0


def _server(arguments: argparse.Namespace) -> SimulatorServer:
    options = Options(
        access_key_id=arguments.access_key_id,
        access_key_secret=arguments.access_key_secret,
        security_token=arguments.security_token,
        delivery_delay=arguments.delivery_delay,
        record_lag=arguments.record_lag,
        globe_qps=arguments.globe_qps,
        china_qps=arguments.china_qps,
        clock_offset=arguments.clock_offset,
        china_price=arguments.china_price,
        globe_price=arguments.globe_price,
        currency=arguments.currency,
        limits_frequency=arguments.limits_frequency,
        refuses_undefined=arguments.refuses_undefined,
        journal=arguments.journal,
        memory_limit=arguments.memory_limit,
        allowed_hosts=tuple(arguments.allow_host),
    )
    return prepare(options, host=arguments.host, port=arguments.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aliyunsms-simulator",
        description="A local gateway that speaks both Alibaba Cloud SMS APIs and sends nothing.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--host", default=LOOPBACK, help="address to listen on; nothing but loopback is private"
    )
    parser.add_argument("--port", type=int, default=8025, help="port to listen on, 0 for any free one")
    parser.add_argument("--access-key-id", default="testid", help="the AccessKey ID it knows")
    parser.add_argument("--access-key-secret", default="testsecret", help="made up, never a real one")
    parser.add_argument("--security-token", help="when given, every request must carry this STS token")
    parser.add_argument("--delivery-delay", type=float, default=1.0, help="seconds until a carrier receipt")
    parser.add_argument("--record-lag", type=float, default=0.0, help="seconds until queries see a message")
    parser.add_argument(
        "--globe-qps", type=int, default=1, help="BatchSendMessageToGlobe calls per second, 0: no limit"
    )
    parser.add_argument(
        "--china-qps", type=int, default=5000, help="calls per second and 2017-05-25 action, 0: no limit"
    )
    parser.add_argument(
        "--clock-offset",
        type=float,
        default=0.0,
        help="seconds by which its clock is ahead of this machine's",
    )
    parser.add_argument("--china-price", type=float, default=0.045, help="cost of a part, to be shown: China")
    parser.add_argument("--globe-price", type=float, default=0.3, help="cost of a part, to be shown: Globe")
    parser.add_argument("--currency", default="CNY", help="currency of both, three letters")
    parser.add_argument(
        "--limits-frequency", action="store_true", help="keep the platform's limits per mainland number"
    )
    parser.add_argument(
        "--refuses-undefined",
        action="store_true",
        help="refuse China sends whose template or signature was not defined",
    )
    parser.add_argument("--journal", type=Path, help="file that keeps messages and nonces across restarts")
    parser.add_argument(
        "--memory-limit", type=int, default=2048, help="megabytes of messages, then sends are refused"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that leads to it; repeatable",
    )
    return parser


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

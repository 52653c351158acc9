# SPDX-License-Identifier: Apache-2.0
"""Run the command ``aliyunsms-simulator``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.options import Options, is_loopback
from airflow_provider_aliyunsms.simulator.server import LOOPBACK, Certificate, SimulatorServer, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPOSED = (
    "warning: listening on %s: everyone who can reach this address can read the simulated messages "
    "and change the simulator's behaviour"
)


_DESCRIPTION = """\
A local gateway that speaks both Alibaba Cloud SMS APIs and sends nothing. Point a client at it, look at
the messages in a browser, and make it misbehave."""

_EXAMPLES = """\
examples:
  Start it; the inbox is on http://127.0.0.1:8025/_simulator/ :
      aliyunsms-simulator
  Be as strict as the platform, and as slow:
      aliyunsms-simulator --limits-frequency --refuses-undefined --delivery-delay 20 --record-lag 5
  Keep the messages when it is restarted:
      aliyunsms-simulator --journal messages.jsonl
  Serve the other containers of a network, as http://sms:8025 :
      aliyunsms-simulator --host 0.0.0.0 --allow-host sms

from a test, in any language (every call: http://127.0.0.1:8025/_simulator/openapi.json):
  How many messages did each phone get? More than one:
      curl -sf http://127.0.0.1:8025/_simulator/counts
      curl -sf 'http://127.0.0.1:8025/_simulator/counts?duplicates=1'
  What did one phone get?
      curl -sf 'http://127.0.0.1:8025/_simulator/messages?number=13800001234'
  Lose the answer of the next SendSms; forget everything:
      curl -sf http://127.0.0.1:8025/_simulator/misbehave --json '{"fault": "drop_after", "action": "SendSms"}'
      curl -sf http://127.0.0.1:8025/_simulator/reset --json '{}'
"""


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
    certificate = None
    if arguments.tls_certificate is not None:
        certificate = Certificate(chain=arguments.tls_certificate, key=arguments.tls_key)
    elif arguments.tls_key is not None:
        raise ConfigurationError("--tls-key needs --tls-certificate")
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
    return prepare(options, host=arguments.host, port=arguments.port, certificate=certificate)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show defaults where there are some, and the examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return super()._get_help_string(action) if action.default else action.help


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aliyunsms-simulator",
        usage="%(prog)s [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    _add_address(parser.add_argument_group("where it listens"))
    _add_account(parser.add_argument_group("the account", "Made up. Never use a real secret."))
    _add_behaviour(
        parser.add_argument_group("how it behaves", "The control API changes these and more while it runs.")
    )
    _add_prices(parser.add_argument_group("what the inbox shows as cost", "Made up as well."))
    _add_memory(parser.add_argument_group("what it keeps"))
    return parser


def _add_address(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default=LOOPBACK, help="address to listen on; only loopback is private")
    group.add_argument("--port", type=int, default=8025, help="port to listen on, 0 for any free one")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that leads to it, such as that of a container; repeatable; IP addresses need none",
    )
    group.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="PEM file of a certificate; then it speaks https and no http",
    )
    group.add_argument(
        "--tls-key", type=Path, metavar="FILE", help="PEM file of its private key, where that is another file"
    )


def _add_account(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--access-key-id", metavar="ID", default="testid", help="the AccessKey ID it knows")
    group.add_argument("--access-key-secret", metavar="SECRET", default="testsecret", help="its secret")
    group.add_argument(
        "--security-token", metavar="TOKEN", help="when given, every request must carry this STS token"
    )


def _add_behaviour(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--delivery-delay", type=float, metavar="SECONDS", default=1.0, help="until a carrier receipt"
    )
    group.add_argument(
        "--record-lag",
        type=float,
        metavar="SECONDS",
        default=0.0,
        help="until queries see a message (default: 0)",
    )
    group.add_argument(
        "--globe-qps",
        type=int,
        metavar="CALLS",
        default=1,
        help="BatchSendMessageToGlobe calls per second, 0: no limit",
    )
    group.add_argument(
        "--china-qps",
        type=int,
        metavar="CALLS",
        default=5000,
        help="calls per second and 2017-05-25 action, 0: no limit",
    )
    group.add_argument(
        "--clock-offset",
        type=float,
        metavar="SECONDS",
        default=0.0,
        help="by which its clock is ahead of this machine's (default: 0)",
    )
    group.add_argument(
        "--limits-frequency", action="store_true", help="keep the platform's limits per mainland number"
    )
    group.add_argument(
        "--refuses-undefined",
        action="store_true",
        help="refuse China sends whose template or signature was not defined",
    )


def _add_prices(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--china-price", type=float, metavar="PRICE", default=0.045, help="of a part of a China message"
    )
    group.add_argument(
        "--globe-price", type=float, metavar="PRICE", default=0.3, help="of a part of a Globe message"
    )
    group.add_argument("--currency", metavar="CODE", default="CNY", help="of both, three letters")


def _add_memory(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="keeps messages and nonces across restarts; holds numbers",
    )
    group.add_argument(
        "--memory-limit",
        type=int,
        metavar="MEGABYTES",
        default=2048,
        help="of messages, then sends are refused",
    )


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Run the command ``python -m airflow_provider_aliyunsms.verify``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_aliyunsms.audience.phone_numbers import (
    international_number,
    mainland_number,
    mask_number,
)
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError
from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
from airflow_provider_aliyunsms.private_files import file_beside
from airflow_provider_aliyunsms.verify.experiment import (
    LONGEST_SPACING,
    MARGIN,
    MOST_MESSAGES,
    Experiment,
    Waits,
)
from airflow_provider_aliyunsms.verify.facts import Assumed, exit_code, judge
from airflow_provider_aliyunsms.verify.probes import ChinaProbe, GlobeProbe
from airflow_provider_aliyunsms.verify.report import as_json, closing, table, write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.verify.probes import Probe

COMMAND: Final = "python -m airflow_provider_aliyunsms.verify"
NOTHING_FOUND_OUT: Final = 2
_TEXT: Final = "Test message of airflow-provider-aliyunsms: please ignore it."
_DEFAULTS: Final = SendPolicy(chunk_size=1, max_concurrency=1)
_WAITS: Final = Waits()
_DAY: Final = 86_400.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command and return its exit code.

    :param arguments: those of the process when None.
    :returns: 0 when all is as assumed; 1 when something differs; 2 when something could not be found out, also
        because an option is wrong or the user did not want to send.
    """
    options = _parser().parse_args(arguments)
    try:
        probe = _probe(options)
        _check_report(options.report)
    except (AliyunSmsError, AirflowException) as error:
        _tell(f"{type(error).__name__}: {error}")
        return NOTHING_FOUND_OUT
    sys.stdout.write("\n".join(_plan(options, probe)) + "\n")
    sys.stdout.flush()
    if not (options.yes or _agreed()):
        _tell("Nothing was sent.")
        return NOTHING_FOUND_OUT
    return _run(options, probe)


def _run(options: argparse.Namespace, probe: Probe) -> int:
    waits = Waits(spacing=options.spacing, record=options.wait, refused=options.refusal_wait)
    experiment = Experiment(probe=probe, waits=waits, clock=Clock(), tell=_tell)
    code = 0
    try:
        experiment.run()
    except KeyboardInterrupt:
        _tell("Stopped.")
        code = NOTHING_FOUND_OUT
    except AliyunSmsError as error:
        _tell(f"{type(error).__name__}: {error}")
        code = NOTHING_FOUND_OUT
    # What was paid for is told in any case.
    seen = experiment.seen
    facts = judge(seen, assumed=Assumed(settle_time=options.settle_time, refusal_wait=options.refusal_wait))
    sys.stdout.write("\n".join(["", *table(facts), *closing(facts, seen)]) + "\n")
    if options.report is not None:
        try:
            write_report(options.report, as_json(facts, seen))
        except OSError as error:
            _tell(f"The report cannot be written: {error.strerror}.")
            code = NOTHING_FOUND_OUT
    return exit_code(facts) or code


def _probe(options: argparse.Namespace) -> Probe:
    """
    Return the calls of the product that was asked for; makes none.

    :raises ConfigurationError: an option or the connection is wrong, or something is missing.
    :raises AirflowNotFoundException: there is no such connection.
    """
    number = _number(options)
    hook = AliyunSmsHook(options.conn_id)
    if options.api == "globe":
        sender = options.sender_id or hook.sender_id
        return GlobeProbe(client=hook.get_conn(), number=number, text=options.text, sender_id=sender)
    sign_name = options.sign_name or hook.sign_name
    if not sign_name:
        raise ConfigurationError(
            "There is no SMS signature.",
            advice="Pass --sign-name, or set sign_name in the connection's extra.",
        )
    if not options.template_code:
        raise ConfigurationError(
            "There is no template.", advice="Pass --template-code, and --template-param for its variables."
        )
    return ChinaProbe(
        client=hook.get_conn(),
        number=number,
        sign_name=sign_name,
        template_code=options.template_code,
        template_param=options.template_param,
    )


def _number(options: argparse.Namespace) -> str:
    mainland = mainland_number(options.phone)
    if options.api == "china":
        if mainland is None:
            raise ConfigurationError(
                "--phone is no mobile number of the Chinese mainland.",
                advice="Write its eleven digits, or pass --api globe for another country.",
            )
        return mainland
    number = None if mainland else international_number(options.phone)
    if number is None:
        raise ConfigurationError(
            "--phone is no number that the Globe API serves.",
            advice="Write it with plus and country code; a number of the Chinese mainland needs --api china.",
        )
    return number


def _check_report(path: Path | None) -> None:
    # Before anything is sent: a report that cannot be written would have to be paid for twice.
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError
        with file_beside(path):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"The report cannot be written ({type(error).__name__}).", advice="Pass another --report."
        ) from None


def _plan(options: argparse.Namespace, probe: Probe) -> list[str]:
    minutes = math.ceil((2 * options.spacing + options.refusal_wait) / 60)
    most = (
        math.ceil(
            (options.wait + 2 * options.spacing + max(options.refusal_wait, MARGIN * options.wait)) / 60
        )
        + 1
    )
    content = f"template {options.template_code}" if options.api == "china" else "a short text"
    return [
        f"With connection {options.conn_id} and {probe.product.action}, {content}, to {mask_number(options.phone)}:",
        "  1. One message.",
        "  2. The same signed request again, which should be refused.",
        "  3. One batch for this number and one that cannot exist, "
        + (
            "which should be refused."
            if options.api == "china"
            else "of which this number should get its message."
        ),
        f"Expected: {'1 message' if options.api == 'china' else '2 messages'} on the phone and on the bill, "
        f"at most {MOST_MESSAGES}; a long text counts as several.",
        f"It takes about {minutes:.0f} minutes, at most {most:.0f}. Nobody else should send the same meanwhile.",
    ]


def _agreed() -> bool:
    sys.stdout.write("Send? [y/N] ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        _tell("No answer can be read here; --yes sends without asking.")
    return answer.strip().lower() in ("y", "yes")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Check with up to three messages to your own phone what this provider assumes of your account.",
        epilog="Exit code: 0 all as assumed, 1 something differs, 2 something could not be found out.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--conn-id", default=AliyunSmsHook.default_conn_name, help="the Airflow connection")
    parser.add_argument("--phone", required=True, metavar="OWN_NUMBER", help="your own phone number")
    parser.add_argument("--api", choices=("china", "globe"), default="china", help="the product")
    parser.add_argument("--sign-name", help="China: the signature; that of the connection if left out")
    parser.add_argument("--template-code", help="China: an approved template")
    parser.add_argument("--template-param", type=_variables, default={}, metavar="JSON", help="its variables")
    parser.add_argument("--text", default=_TEXT, help="Globe: the text of the messages")
    parser.add_argument("--sender-id", help="Globe: the sender; that of the connection if left out")
    for name, default, most, text in (
        ("--wait", _WAITS.record, _DAY, "seconds to wait for the record of the first message"),
        ("--spacing", _WAITS.spacing, LONGEST_SPACING, "seconds between two messages"),
        ("--settle-time", _DEFAULTS.settle_time, _DAY, "settle_time of your tasks"),
        ("--refusal-wait", _DEFAULTS.refusal_wait, _DAY, "refusal_wait of your tasks"),
    ):
        parser.add_argument(
            name, type=partial(_seconds, most=most), default=default, metavar="SECONDS", help=text
        )
    parser.add_argument(
        "--report", type=Path, metavar="PATH", help="write the facts as JSON, without numbers"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _variables(text: str) -> dict[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise argparse.ArgumentTypeError("it must be a JSON object of texts")
    return found


def _seconds(text: str, *, most: float) -> float:
    seconds = float(text)
    if not 0 <= seconds <= most:
        raise argparse.ArgumentTypeError(f"it must be 0 to {most:.0f} seconds")
    return seconds

# SPDX-License-Identifier: Apache-2.0
"""Read a file as an operator would and print the report on it; nothing is sent."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.fields import PHONE_NUMBER, SIGN_NAME, TO
from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.report.parts import PartsCount
from airflow_provider_aliyunsms.audience.report.report import AudienceReport
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules
from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool
from airflow_provider_aliyunsms.exceptions import AliyunSmsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.audience.recipients import Dedupe
    from airflow_provider_aliyunsms.audience.rules import RecipientRules

COMMAND = "python -m airflow_provider_aliyunsms.audience"
_ASSUMED = "签名"
_FIRST_NUMBERS = 3
_LOCAL = "file://"
_OK, _WRONG, _NOBODY = 0, 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command and return its exit code: 0, or 1 if no row can be sent to, or 2 if the file cannot be read.

    Numbers are printed masked, texts and values not at all.
    """
    options = _parser().parse_args(arguments)
    try:
        lines, ready = preview(options)
    except AliyunSmsError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return _WRONG
    sys.stdout.write("\n".join(lines) + "\n")
    return _OK if ready else _NOBODY


def preview(options: argparse.Namespace) -> tuple[list[str], int]:
    """
    Return the report as lines, and the number of rows that can be sent to.

    :raises ConfigurationError: an option is wrong.
    :raises AudienceError: the file cannot be read, or must not be sent to.
    """
    facts = SourceFacts()
    number_field = TO if options.api == "globe" else PHONE_NUMBER
    open_binary, fingerprint = _storage(options.path)
    blocks = read_blocks(
        options.path,
        number_field=number_field,
        open_binary=open_binary,
        fingerprint=fingerprint,
        columns=Columns(options.column_mapping, only=options.columns),
        encoding=options.encoding,
        delimiter=options.delimiter,
        sheet=options.sheet,
        null_values=options.null_values,
        facts=facts,
    )
    dedupe: Dedupe = options.dedupe
    with Spool() as spool:
        spool.load(
            blocks,
            rules=_rules(options),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id="preview", numbers=numbers, contents=contents, dedupe=dedupe
            ),
            by_content=dedupe == "content",
        )
        report = AudienceReport.of(
            spool, facts=facts, several=spool.repeated_numbers, parts=_parts(options, number_field)
        )
        lines = report.lines()
        if options.api == "china" and not options.sign_name and SIGN_NAME not in _uses(facts):
            lines.append("assumed: the task or its connection has a sign_name")
        first = [
            mask_number(number) for members in spool.members() for number in members.numbers[:_FIRST_NUMBERS]
        ]
        if first:
            lines.append(f"first numbers: {', '.join(first[:_FIRST_NUMBERS])}")
    return lines, report.ready


def _uses(facts: SourceFacts) -> set[str]:
    return {column.use for column in facts.columns}


def _parts(options: argparse.Namespace, number_field: str) -> PartsCount | None:
    if number_field == TO:
        return PartsCount()
    return PartsCount(text=options.text) if options.text else None


def _rules(options: argparse.Namespace) -> RecipientRules:
    if options.api == "globe":
        more = {} if options.refused_regions is None else {"refused_regions": options.refused_regions}
        return GlobeRules(
            message=options.text,
            template_param=options.template_param,
            phone_region=options.phone_region,
            **more,
        )
    return ChinaRules(
        sign_name=options.sign_name or _ASSUMED,
        template_param=options.template_param,
        international=options.international,
        phone_region=options.phone_region,
    )


def _storage(path: str) -> tuple[Callable[[str], BinaryIO], Callable[[str], object]]:
    """Return how to open a file, and how to see that it changed."""
    if "://" in path and not path.startswith(_LOCAL):
        # By its name and only here: this layer knows no Airflow, and a local file needs none.
        storage: Any = importlib.import_module("airflow_provider_aliyunsms.hooks.storage")
        return storage.open_binary, storage.file_fingerprint

    def fingerprint(local: str) -> object:
        try:
            facts = _local(local).stat()
        except OSError:
            return None
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    return lambda local: cast("BinaryIO", _local(local).open("rb")), fingerprint


def _local(path: str) -> Path:
    return Path(path.removeprefix(_LOCAL)).expanduser()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Read an audience file as an operator would, and print what it is. Nothing is sent.",
    )
    parser.add_argument("path", metavar="PATH_OR_URI", help="a file; a URI is opened by Airflow's storages")
    parser.add_argument("--api", choices=("china", "globe"), default="china", help="the product (china)")
    parser.add_argument("--column-mapping", type=_mapping, metavar="JSON", help='{"mobile": "phone_number"}')
    parser.add_argument("--columns", type=_list, metavar="A,B", help="the columns that are variables")
    parser.add_argument("--encoding", help="of a text file that is not UTF-8")
    parser.add_argument("--delimiter", help="between the cells of a text file; found if left out")
    parser.add_argument("--sheet", help="of a workbook")
    parser.add_argument("--null-values", type=_list, metavar="A,B", help="texts that stand for an empty cell")
    parser.add_argument("--phone-region", metavar="SG", help="of numbers without plus")
    parser.add_argument("--international", action="store_true", help="China: digits may be numbers abroad")
    parser.add_argument("--refused-regions", type=_list, metavar="CN,US", help="Globe: not sent to")
    parser.add_argument("--sign-name", help="China: the signature of the task")
    parser.add_argument("--template-param", type=_mapping, metavar="JSON", help="variables for all")
    parser.add_argument(
        "--text", help="China: the template's text, to count parts; Globe: the task's message"
    )
    parser.add_argument("--dedupe", choices=("content", "phone"), default="content")
    return parser


def _mapping(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("it must be a JSON object")
    return found


def _list(text: str) -> list[str]:
    return [part for part in text.split(",") if part]

# SPDX-License-Identifier: Apache-2.0
"""
Show the receipts of one campaign with masked numbers, from its XCom or from a file on this machine.

The path of the file stands in the task's XCom, and whoever writes DAG files can put any path there. The API server
must not read files for them. So a file is opened only in the folders that the deployment names
(``[aliyun_sms] receipts_folders``), which is by default the one where the package puts receipts by itself; only where
it is an ordinary file there, and no link; and every line of it is shown only if it is a receipt. Whatever goes wrong
has one answer, which does not tell whether a file exists.

Reads one line at a time, for at most :data:`LONGEST_READING` seconds.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from airflow.configuration import conf

from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.campaign.clock import parse_stamp
from airflow_provider_aliyunsms.campaign.figures import is_count
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.campaign.receipts import read_receipts
from airflow_provider_aliyunsms.codes import explain, tidy_code
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.products import PRODUCTS
from airflow_provider_aliyunsms.ui.figures import moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_READING: Final = 5.0
"""Seconds after which the reading of a file is given up; what was found until then is shown."""

AT_ONCE: Final = 2
"""Files that are read at the same time."""

DEFAULT_FOLDER: Final = "aliyun_sms_receipts"
"""The folder below ``AIRFLOW_HOME`` where receipts go when no ``receipts_path`` is set."""

_reading = threading.BoundedSemaphore(AT_ONCE)
_ID = re.compile(r"[A-Za-z0-9^._:-]{1,128}")


class NoReceiptsError(Exception):
    """There are no receipts that can be shown; whatever the cause, the words are the same."""


class _LateError(Exception):
    """The time for reading is over."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which receipts are asked for; None for any."""

    outcome: str | None
    code: str | None
    limit: int
    offset: int


def receipts_of(summary: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """
    Return a part of the receipts.

    :param summary: what the task left as its result; nothing of it is checked.
    :raises NoReceiptsError: there are none, or they are not to be shown.
    """
    inline = summary.get("receipts")
    action = summary.get("api")
    product = PRODUCTS.get(action) if isinstance(action, str) else None
    action = product.action if product is not None else None
    if isinstance(inline, list):
        every, _ = _part(
            _clean(enumerate(inline), action=action), replace(wanted, limit=len(inline), offset=0)
        )
        found = every[wanted.offset :][: wanted.limit]
        return _answer(found, where="xcom", total=len(every), cut=False)
    path = summary.get("receipts_path")
    if not isinstance(path, str) or not _reading.acquire(timeout=LONGEST_READING):
        raise NoReceiptsError
    try:
        return _from_file(path, wanted, action=action, total=summary.get("total"))
    finally:
        _reading.release()


def can_be_shown(summary: Mapping[str, Any] | None) -> bool:
    """Return whether the receipts of a task can be shown, without reading them."""
    if summary is None:
        return False
    if isinstance(summary.get("receipts"), list):
        return True
    path = summary.get("receipts_path")
    try:
        if isinstance(path, str):
            with opened(path):
                return True
    except NoReceiptsError:
        pass
    return False


def folders() -> list[Path]:
    """Return the folders whose receipts may be shown."""
    named = conf.get("aliyun_sms", "receipts_folders", fallback=None)
    if named is None:
        home = os.environ.get("AIRFLOW_HOME", "~/airflow")
        return [Path(home).expanduser() / DEFAULT_FOLDER]
    return [Path(each.strip()) for each in named.split(",") if Path(each.strip()).is_absolute()]


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """
    Open a file of receipts in one of the folders.

    :raises NoReceiptsError: it is not there, lies elsewhere, is no ordinary file, or may not be read.
    """
    try:
        stream = _open(path)
    except (OSError, ValueError):
        stream = None
    if stream is None:
        raise NoReceiptsError
    with stream:
        yield stream


def _open(path: str) -> IO[bytes] | None:
    local = path.removeprefix("file://")
    if "://" in local or not local.startswith("/"):
        return None
    # A link is followed here, and where it leads to must lie in a folder as well.
    real = Path(os.path.realpath(local))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders()):
        return None
    # Without blocking: a pipe of that name has no end. Without following: what is a link now was none before.
    number = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or not _is_still(real, found):
        os.close(number)
        return None
    return os.fdopen(number, "rb")


def _is_still(real: Path, found: os.stat_result) -> bool:
    """Return whether a path still leads to the file that was opened, without a link on the way."""
    return Path(os.path.realpath(real)) == real and os.path.samestat(found, os.stat(real))  # noqa: PTH116


def _from_file(path: str, wanted: Wanted, *, action: str | None, total: Any) -> dict[str, Any]:
    until = time.monotonic() + LONGEST_READING
    filtered = wanted.outcome is not None or wanted.code is not None
    # Lines before the first wanted one are not even parsed; with a filter it is not known which one that is.
    first = 0 if filtered else wanted.offset
    cut = False

    def in_time(position: int) -> bool:
        nonlocal cut
        cut = cut or time.monotonic() > until
        if cut:
            raise _LateError
        return position >= first

    found: list[dict[str, Any]] = []
    ended = False
    with opened(path) as stream:
        try:
            rows = read_receipts(path=path, stream=stream, wanted=in_time)
            plain = wanted if filtered else replace(wanted, offset=0)
            found, ended = _part(_clean(rows, action=action), plain)
        # A damaged file: pyarrow and zlib have errors of their own, and each of them may quote a line.
        except (AliyunSmsError, OSError, EOFError, ValueError, MemoryError, zlib.error):
            raise NoReceiptsError from None
    known = total if not filtered and is_count(total) else None
    if ended and (found or not wanted.offset):
        known = wanted.offset + len(found)
    return _answer(found, where="file", total=known, cut=cut)


def _part(rows: Iterable[dict[str, Any]], wanted: Wanted) -> tuple[list[dict[str, Any]], bool]:
    """Return the wanted rows, and whether the end was reached; fewer of them when the time is over."""
    found: list[dict[str, Any]] = []
    try:
        return found, _gather(rows, wanted, into=found)
    except _LateError:
        return found, False


def _gather(rows: Iterable[dict[str, Any]], wanted: Wanted, *, into: list[dict[str, Any]]) -> bool:
    passed = 0
    for row in rows:
        if wanted.outcome is not None and row["outcome"] != wanted.outcome:
            continue
        if wanted.code is not None and row["code"] != wanted.code:
            continue
        passed += 1
        if passed <= wanted.offset:
            continue
        if len(into) == wanted.limit:
            return False
        into.append(row)
    return True


def _clean(rows: Iterable[tuple[int, Any]], *, action: str | None) -> Iterator[dict[str, Any]]:
    """
    Yield what may be shown of each receipt.

    :raises NoReceiptsError: one of them is no receipt.
    """
    for _, row in rows:
        if not isinstance(row, dict) or row.get("outcome") not in OUTCOMES or not _is_time(row.get("time")):
            raise NoReceiptsError
        code = row.get("code")
        if not isinstance(code, str | None):
            raise NoReceiptsError
        shown = tidy_code(code) if code else None
        info = explain(shown) if action is None else explain(shown, api=action)
        yield {
            "number": mask_number(row.get("phone_number") or row.get("to")),
            "outcome": row["outcome"],
            "code": shown,
            "meaning": info.meaning if shown else None,
            "meaning_zh": info.meaning_zh if shown else None,
            **{name: _id(row[name]) for name in ("biz_id", "message_id") if name in row},
            "time": moment_of(row.get("time")),
        }


def _is_time(value: Any) -> bool:
    try:
        return value is None or (isinstance(value, str) and parse_stamp(value) > 0)
    except ValueError:
        return False


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _answer(found: list[dict[str, Any]], *, where: str, total: int | None, cut: bool) -> dict[str, Any]:
    return {"receipts": found, "total_entries": total, "where": where, "cut": cut}

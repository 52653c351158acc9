# SPDX-License-Identifier: Apache-2.0
"""Decide, before the first call, whether an audience may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.shards import ShardCut
    from airflow_provider_aliyunsms.audience.spool import Spool

_SHOWN = 5
"""Rejected rows that an error message names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceLimits:
    """
    The limits that an audience must keep before anything is sent to it.

    :param max_rejected: rows that may be rejected locally: a count, or a share of all rows if it lies between 0 and
        1; None for no limit. Duplicates do not count.
    :param max_duplicates: rows whose number an earlier row has, under the same content or another: a count or a
        share, as above.
    """

    max_rejected: float | None = None
    max_duplicates: float | None = None


def admit(
    *, spool: Spool, limits: AudienceLimits, has_sent: bool = False, cut: ShardCut | None = None
) -> None:
    """
    Check a loaded audience and raise an error if it must not be sent to.

    It reads the counts of the spool and makes no call. Nothing has been sent yet.

    :param spool: the loaded audience.
    :param limits: the limits that it must keep.
    :param has_sent: an earlier try of this campaign may have sent to somebody. Then an empty audience is no reason to
        skip: the recipients of that try keep their outcomes.
    :param cut: counts the whole of an audience of which the spool holds one shard. A shard may be empty, or may have
        nobody who can be sent to, as long as the whole is not.
    :raises AudienceError: the audience is empty (code ``local.EMPTY_AUDIENCE``), none of its rows can be sent to, or
        more rows were rejected than ``max_rejected`` allows.
    :raises ConfigurationError: no row can be sent to because there is no signature, neither in the rows nor in the
        operator nor in the connection (code ``local.MISSING_SIGNATURE``).
    """
    if spool.total == 0 and (has_sent or (cut is not None and cut.rows)):
        return
    if spool.total == 0:
        raise AudienceError(
            "the audience is empty",
            code=LocalCode.EMPTY_AUDIENCE.value,
            advice="Check the step that prepares it, if that is a surprise.",
        )
    findings = spool.local_errors()
    # A duplicate is skipped, not rejected: its recipient is sent to once.
    rejected = sum(count for code, count in findings.items() if code != LocalCode.DUPLICATE.value)
    none_ready = spool.ready == 0 and not (cut is not None and cut.good)
    # Before the general error: one setting corrects all rows, so the error must name the setting and not the rows.
    if none_ready and findings.get(LocalCode.MISSING_SIGNATURE.value, 0) == rejected:
        raise ConfigurationError(
            "there is no signature: not in the rows, not in sign_name, not in the connection",
            code=LocalCode.MISSING_SIGNATURE.value,
            advice="Give the operator a sign_name, or the connection's extra one.",
        )
    if none_ready:
        raise AudienceError(
            f"not one of {spool.total} rows can be sent to: {_first(spool)}",
            advice="Nothing was sent now. Correct the rows or their column names.",
        )
    if limits.max_rejected is not None and _too_many(rejected, total=spool.total, limit=limits.max_rejected):
        raise AudienceError(
            f"{rejected} of {spool.total} rows were rejected, more than max_rejected={limits.max_rejected:g} "
            f"allows: {_first(spool)}",
            advice="Nothing was sent now. Correct the rows, or raise max_rejected.",
        )
    duplicates = findings.get(LocalCode.DUPLICATE.value, 0) + spool.repeated_rows
    limit = limits.max_duplicates
    if limit is not None and _too_many(duplicates, total=spool.total, limit=limit):
        raise AudienceError(
            f"{duplicates} of {spool.total} rows have a number that an earlier row has, more than "
            f"max_duplicates={limit:g} allows; {spool.repeated_numbers} numbers have several contents",
            advice='Nothing was sent now. dedupe="phone" sends to each number once; or raise max_duplicates.',
        )


def _too_many(rejected: int, *, total: int, limit: float) -> bool:
    return rejected > (limit * total if 0 < limit < 1 else limit)


def _first(spool: Spool) -> str:
    found = [f"row {item.row}, {item.field}: {item.code}" for item in spool.first_rejections(_SHOWN)]
    return "; ".join(found)

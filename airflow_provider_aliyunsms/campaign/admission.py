# SPDX-License-Identifier: Apache-2.0
"""Decide, before the first send, whether an audience may be sent to at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.spool import Spool

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceLimits:
    """
    What is too much.

    :param max_rejected: rows that may be rejected locally: a count, or a share below 1; None for any.
    """

    max_rejected: float | None = None


def admit(*, spool: Spool, limits: AudienceLimits) -> None:
    """
    Let an audience pass or say why not; nothing has been sent yet.

    :raises AudienceError: empty (code ``local.EMPTY_AUDIENCE``), nobody left, or too many rejected.
    :raises ConfigurationError: there is no signature anywhere.
    """
    if spool.total == 0:
        raise AudienceError(
            "the audience is empty",
            code=LocalCode.EMPTY_AUDIENCE.value,
            advice="Check the step that prepares it, if that is a surprise.",
        )
    findings = spool.local_errors()
    rejected = sum(count for code, count in findings.items() if code != LocalCode.DUPLICATE.value)
    if spool.ready == 0 and findings.get(LocalCode.MISSING_SIGNATURE.value, 0) == rejected:
        raise ConfigurationError(
            "there is no signature: not in the rows, not in sign_name, not in the connection",
            code=LocalCode.MISSING_SIGNATURE.value,
            advice="Give the operator a sign_name, or the connection's extra one.",
        )
    if spool.ready == 0:
        raise AudienceError(
            f"not one of {spool.total} rows can be sent to: {_first(spool)}",
            advice="Nothing was sent. Correct the rows or their column names.",
        )
    if limits.max_rejected is not None and _too_many(rejected, total=spool.total, limit=limits.max_rejected):
        raise AudienceError(
            f"{rejected} of {spool.total} rows were rejected, more than max_rejected={limits.max_rejected:g} "
            f"allows: {_first(spool)}",
            advice="Nothing was sent. Correct the rows, or raise max_rejected.",
        )


def _too_many(rejected: int, *, total: int, limit: float) -> bool:
    return rejected > (limit * total if 0 < limit < 1 else limit)


def _first(spool: Spool) -> str:
    found = [f"row {item.row}, {item.field}: {item.code}" for item in spool.first_rejections(_SHOWN)]
    return "; ".join(found)

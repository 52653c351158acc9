# SPDX-License-Identifier: Apache-2.0
"""The guards of the benchmark, and a deployment for them that needs no Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchkit.sample import TEMPLATE_CODE

from airflow_provider_aliyunsms.campaign.channels.china import ChinaChannel
from airflow_provider_aliyunsms.campaign.guards import (
    ExpectedCount,
    FrequencyCap,
    Fresh,
    LikeLastRun,
    MaxCost,
    MaxMessages,
    MaxParts,
    QuietHours,
    Suppress,
)
from airflow_provider_aliyunsms.campaign.ports import Template

TEXT = "尊敬的${name}，您的验证码是${code}，请在十分钟内使用。"
SHARED = "FrequencyCap"
"""The guard that counts in a store which all campaigns share."""

SUPPRESSED = 100_000
"""Numbers on the list of those who get nothing; none of them is in the audience."""


def guards_for(name, *, folder, size):
    """Return one guard by its name, ``all`` of them, or the ``local`` ones, which share no store."""
    Path(folder, "claims").mkdir()
    found = {
        "QuietHours": QuietHours("00:00", "24:00"),
        "Fresh": Fresh(within=timedelta(hours=6)),
        "Suppress": Suppress(str(_list(Path(folder)))),
        "FrequencyCap": FrequencyCap(3, per=timedelta(days=7), store=str(Path(folder) / "claims")),
        "MaxMessages": MaxMessages(2 * size),
        "MaxParts": MaxParts(3 * size),
        "MaxCost": MaxCost(f"{size} CNY", price="0.045 CNY"),
        "ExpectedCount": ExpectedCount(size),
        "LikeLastRun": LikeLastRun(first_most=size),
    }
    if name == "local":
        return tuple(guard for kind, guard in found.items() if kind != SHARED)
    return tuple(found.values()) if name == "all" else (found[name],)


def _list(folder):
    path = folder / "suppressed.csv"
    rows = "".join(f"{19_900_000_000 + index}\n" for index in range(SUPPRESSED))
    path.write_text(f"phone_number\n{rows}", encoding="utf-8")
    return path


class KnownTemplate(ChinaChannel):
    """The channel, with a template whose text is known: asking for it is a call, and no matter of this machine."""

    def template(self, *, code):
        return Template(code=code, text=TEXT, status="approved", kind="notification")


class Deployment:
    """Files and folders of this machine."""

    def open_binary(self, path):
        return Path(path).open("rb")

    def fingerprint(self, path):
        return Path(path).stat().st_mtime_ns

    def storage_path(self, path):
        return Path(path)

    def last_run(self):
        return None


def planned_now():
    """Return the moment at which a run that begins now was due."""
    return datetime.now(UTC)


__all__ = ["TEMPLATE_CODE", "Deployment", "KnownTemplate", "guards_for", "planned_now"]

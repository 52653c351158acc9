# SPDX-License-Identifier: Apache-2.0
"""
Take apart what tasks left for the page, and believe none of it.

Whoever writes DAG files can store anything under these keys. So every value is checked: a count is a whole number, a
text is short and has no long row of digits in it, and what is anything else is not known. Nothing here raises for
what it is given.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.clock import parse_stamp
from airflow_provider_aliyunsms.campaign.figures import COUNTS, LONGEST_WORDS, is_count, read_points
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.codes import explain, tidy_code
from airflow_provider_aliyunsms.delivery.series import read_series
from airflow_provider_aliyunsms.products import CHINA, GLOBE, PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

APIS = {CHINA.action: "china", GLOBE.action: "globe"}
"""The names of the two APIs on the page."""

TRY_COUNTS = (*OUTCOMES, "requests")
"""The names of the counts that are shown of each try."""

MOST_CODES = 50
MOST_GUARDS = 30
MOST_TRIES = 50
_FASTEST = 1e6
_LONG_DIGITS = re.compile(r"[0-9０-９]{7,}")


def sending_of(left: Any, progress: Any) -> dict[str, Any]:
    """
    Return what is known of the sending of one task.

    :param left: the value of its XCom.
    :param progress: what it renewed while it ran; None for nothing. It counts where the try has not ended in order.
    """
    noted = left if isinstance(left, dict) else {}
    renewed = progress if isinstance(progress, dict) else {}
    has_ended = noted.get("ended") == 1 and is_count(noted.get("total"))
    newest = noted if has_ended or not renewed else renewed
    return {
        **{name: newest[name] if is_count(newest.get(name)) else None for name in (*COUNTS, "pending")},
        "campaign_id": text_of(noted.get("campaign_id") or renewed.get("campaign_id"), digits=True),
        "action": _action(noted.get("api") or renewed.get("api")),
        "dry_run": noted.get("dry_run") is True,
        "ledger": noted.get("ledger") if noted.get("ledger") in ("airflow", "path", "none") else None,
        "ended": noted.get("ended") == 1,
        "requests": newest["requests"] if is_count(newest.get("requests")) else None,
        "open": renewed["open"] if is_count(renewed.get("open")) else None,
        "per_second": _rate(renewed.get("per_second")),
        "codes": _codes(newest.get("codes")),
        "guards": _guards(newest.get("guards")),
        "ending": text_of(newest.get("ending")) or text_of(noted.get("ending")),
        "at": moment_of(newest.get("at")) or moment_of(noted.get("began_at")),
        "course": _course(renewed),
        "tries": _tries(renewed),
        "try": renewed["try"] if is_count(renewed.get("try")) else None,
    }


def delivery_of(values: Iterable[Any], *, campaign_id: str | None) -> dict[str, Any] | None:
    """
    Return what the sensors of a run know of one campaign: of several sensors, the one that looked last.

    :param values: what they left, the latest first.
    """
    for value in values:
        if not isinstance(value, dict) or campaign_id is None:
            continue
        named = value.get("campaigns")
        watched = [each for each in named if isinstance(each, dict)] if isinstance(named, list) else []
        own = next(
            (each for each in watched if text_of(each.get("campaign_id"), digits=True) == campaign_id), None
        )
        if own is None:
            continue
        alone = len(watched) == 1
        counts = value if alone and is_count(value.get("delivered")) else own
        if not all(is_count(counts.get(name)) for name in ("delivered", "failed", "pending")):
            continue
        return {
            **{name: counts[name] for name in ("delivered", "failed", "pending")},
            "at": moment_of(value.get("at")),
            "sample_of": value["population"] if is_count(value.get("population")) else None,
            "course": _delivery_course(value) if alone else [],
        }
    return None


def codes_shown(
    codes: Mapping[str, int], *, action: str | None, most: int | None = None
) -> list[dict[str, Any]]:
    """Return codes with their meaning and advice in both languages, the most frequent first."""
    product = PRODUCTS.get(action or "")
    ranked = sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:most]
    shown = []
    for code, count in ranked:
        info = (
            explain(code)
            if product is None
            else explain(code, api=product.action, action=product.query_action)
        )
        shown.append(
            {
                "code": code,
                "count": count,
                "meaning": info.meaning,
                "meaning_zh": info.meaning_zh,
                "advice": info.advice,
                "advice_zh": info.advice_zh,
            }
        )
    return shown


def text_of(value: Any, *, digits: bool = False) -> str | None:
    """
    Return a text as the page may show it; None for anything else.

    :param digits: leave rows of digits in it, as ids have.
    """
    if not isinstance(value, str) or not value:
        return None
    # Without half characters: one of them in one campaign, and nobody would get an answer any more.
    cut = value[:LONGEST_WORDS].encode("utf-8", "replace").decode()
    return cut if digits else _LONG_DIGITS.sub("****", cut)


def moment_of(value: Any) -> str | None:
    """Return a time stamp of ours as ISO 8601 with offset; None for anything else."""
    try:
        return iso(datetime.fromtimestamp(parse_stamp(value), UTC)) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def iso(moment: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _action(value: Any) -> str | None:
    return value if isinstance(value, str) and value in PRODUCTS else None


def _rate(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value < _FASTEST else None


def _codes(value: Any) -> dict[str, int]:
    found = value if isinstance(value, dict) else {}
    items = [(tidy_code(str(code)), count) for code, count in found.items() if is_count(count)]
    return dict(items[:MOST_CODES])


def _guards(value: Any) -> list[dict[str, str | None]]:
    found = value if isinstance(value, list) else []
    return [
        {name: text_of(each.get(name)) for name in ("guard", "decision", "reason")}
        for each in found[:MOST_GUARDS]
        if isinstance(each, dict)
    ]


def _course(renewed: Mapping[str, Any]) -> list[dict[str, Any]]:
    points = read_points(renewed.get("series"))
    return _timed(renewed.get("series_from"), points, names=("accepted", "rejected", "unknown"))


def _delivery_course(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    points = read_series(value.get("series"))
    return _timed(value.get("series_from"), points, names=("delivered", "failed", "pending"))


def _timed(since: Any, points: Iterable[tuple[int, ...]], *, names: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        began = parse_stamp(since) if isinstance(since, str) else None
    except ValueError:
        began = None
    if began is None:
        return []
    timed = []
    for seconds, *counts in points:
        try:
            at = iso(datetime.fromtimestamp(began + seconds, UTC))
        except (ValueError, OverflowError, OSError):
            return []
        timed.append({"at": at, **dict(zip(names, counts, strict=True))})
    return timed


def _tries(renewed: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return what each try did by its number, that of now among them."""
    kept = renewed.get("tries")
    earlier = [each for each in kept if isinstance(each, dict)] if isinstance(kept, list) else []
    own = renewed.get("own")
    now = {
        **(own if isinstance(own, dict) else {}),
        **{n: renewed.get(n) for n in ("try", "began_at", "ending")},
    }
    return {
        each["try"]: {
            **{name: each[name] if is_count(each.get(name)) else None for name in TRY_COUNTS},
            "ending": text_of(each.get("ending")),
        }
        for each in [*earlier[-MOST_TRIES:], now]
        if is_count(each.get("try"))
    }

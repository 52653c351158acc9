# SPDX-License-Identifier: Apache-2.0
"""Add up what the tasks of a campaign returned, and explain it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from airflow_provider_aliyunsms.campaign.guards import Money, read_money
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.codes import explain, tidy_code
from airflow_provider_aliyunsms.delivery.comparison import compare_ratios
from airflow_provider_aliyunsms.delivery.sampling import DIGITS, wilson
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import PRODUCTS

VERSION = 1
"""The version of the JSON: fields may be added to it; another number means that one was changed or removed."""

MOST_POINTS = 60
MOST_COMPARED = 10
"""Pairs of groups that are compared at most."""

_FATES = ("delivered", "failed", "pending")
_LONG_DIGITS = re.compile(r"\d{8,}")
_LONGEST_TEXT = 500
_LARGEST_FIGURE = 10**10
_GIVE_SENDS = "Give the output of the send tasks, such as sends=[send.output]."
_GIVE_DELIVERIES = "Give the output of the delivery sensors, such as deliveries=[wait.output]."


def campaign_report(
    sends: object,
    *,
    deliveries: object = (),
    guards: Iterable[Mapping[str, Any]] | None = None,
    parts: int | None = None,
    price: str | None = None,
) -> dict[str, Any]:
    """
    Return the report on one campaign as a JSON object; makes no call.

    It holds no number and no text, also where the input does: receipts are not looked at, and long digits in the
    reasons of guards are masked.

    :param sends: the result of a send task, or of several (canary and rest, shards); None among them is a task that
        was skipped. Of several of one campaign the one that was finished last counts: its ledger knows what
        the others have sent.
    :param deliveries: the result of a delivery sensor, or of several, in the order in which they are shown. Groups of
        a split are counted by the last of those that watched the same campaigns.
    :param guards: the verdicts of guards: ``guard``, ``decision``, ``reason``, ``figures``. By default those in the
        results of the send tasks.
    :param parts: billing parts of all accepted messages.
    :param price: the price of one part, such as ``"0.045 CNY"``; with ``parts`` it gives an estimate of the cost,
        rounded up as :class:`~airflow_provider_aliyunsms.campaign.guards.MaxCost` rounds it.
    :returns: ``version, campaign_ids, apis, dry_run, started_at, finished_at, outcomes, requests, codes, deliveries,
        groups, comparisons, guards, cost``; fields without content are None or empty.
    :raises ConfigurationError: there is no result of a send task, one is something else, or the price is none.
    """
    sent = latest_of_each([_checked_send(each) for each in _listed(sends, advice=_GIVE_SENDS)])
    if not sent:
        raise ConfigurationError("there is no result of a send task to report on", advice=_GIVE_SENDS)
    api = str(sent[0]["api"])
    watched = [_delivery(each, api=api) for each in _listed(deliveries, advice=_GIVE_DELIVERIES)]
    errors = Counter[str]()
    for each in sent:
        errors.update(each.get("errors") or {})
    groups = _groups(sent, watched)
    verdicts = [one for each in sent for one in each.get("guards") or ()] if guards is None else [*guards]
    return {
        "version": VERSION,
        "campaign_ids": sorted({str(each["campaign_id"]) for each in sent}),
        "apis": sorted({str(each["api"]) for each in sent}),
        "dry_run": any(each.get("dry_run") for each in sent),
        "started_at": min(str(each["started_at"]) for each in sent),
        "finished_at": max(str(each["finished_at"]) for each in sent),
        "outcomes": {name: sum(each[name] for each in sent) for name in ("total", *OUTCOMES)},
        "requests": sum(each["requests"] for each in sent),
        "codes": _codes(errors, api=api),
        "deliveries": watched,
        "groups": groups,
        "comparisons": _comparisons(groups),
        "guards": [_guard(each) for each in verdicts],
        "cost": _cost(parts, price),
    }


def latest_of_each(results: Iterable[Mapping[str, Any] | None]) -> list[Mapping[str, Any]]:
    """
    Return the result of each campaign that was finished last, whatever their order; those before are counted in it.

    Of two that were finished at the same moment the later one counts.
    """
    latest: dict[Any, Mapping[str, Any]] = {}
    for result in results:
        if result is None:
            continue
        key = result.get("api"), result.get("campaign_id")
        if key not in latest or _finished(latest[key]) <= _finished(result):
            latest[key] = result
    return [*latest.values()]


def _finished(result: Mapping[str, Any]) -> str:
    return str(result.get("finished_at") or "")


def _listed(given: object, *, advice: str) -> list[Mapping[str, Any]]:
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [given]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(f"a report cannot be made of a {type(given).__name__}", advice=advice)
    found = [each for each in given if each is not None]
    if not all(isinstance(each, Mapping) for each in found):
        raise ConfigurationError("a report can only be made of the results of tasks", advice=advice)
    return found


def _checked_send(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = ("campaign_id", "started_at", "finished_at")
    sound = (
        summary.get("api") in PRODUCTS
        and all(isinstance(summary.get(name), str) for name in fields)
        and all(_is_count(summary.get(name)) for name in ("total", "requests", *OUTCOMES))
        and _are_counts(summary.get("errors") or {})
    )
    if not sound:
        raise ConfigurationError("one of the results is not that of a send task", advice=_GIVE_SENDS)
    return summary


def _delivery(result: Mapping[str, Any], *, api: str) -> dict[str, Any]:
    """Return the counts of one sensor; those of a sample with the estimate that it stands for."""
    estimated = bool(result.get("estimated"))
    counts = result.get("sample") if estimated else result
    sound = (
        isinstance(counts, Mapping)
        and all(_is_count(counts.get(name)) for name in _FATES)
        and _are_counts(counts.get("errors") or {})
    )
    if not sound or not isinstance(counts, Mapping):
        raise ConfigurationError(
            "one of the results is not that of a delivery sensor", advice=_GIVE_DELIVERIES
        )
    asked = sum(counts[name] for name in _FATES)
    interval = wilson(hits=counts["delivered"], asked=asked)
    accepted = result.get("accepted")
    return {
        "campaign_ids": _ids(result.get("campaign_id")),
        "accepted": accepted if estimated and _is_count(accepted) else asked,
        **{name: counts[name] for name in _FATES},
        "ratio": round(counts["delivered"] / asked, DIGITS) if asked else None,
        "estimated": estimated,
        "sample_size": asked if estimated else None,
        "interval": [round(each, DIGITS) for each in interval] if estimated else None,
        "codes": _codes(counts.get("errors") or {}, api=api),
        "series": _series(result.get("series")),
        "groups": _delivered_groups(result.get("groups")),
    }


def _ids(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, Sequence) else []


def _series(value: object) -> list[list[int]]:
    """Return the points ``[seconds, delivered, failed, pending]``, as many as a plot needs; none that is damaged."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    points = [
        [int(number) for number in point]
        for point in value
        if isinstance(point, Sequence)
        and len(point) == len(("seconds", *_FATES))
        and all(map(_is_count, point))
    ]
    points.sort()
    step = -(-len(points) // MOST_POINTS) or 1
    return [*points[:-1:step], *points[-1:]] if len(points) > MOST_POINTS else points


def _delivered_groups(value: object) -> dict[str, dict[str, int]]:
    if not isinstance(value, Mapping):
        return {}
    return {
        str(name): {fate: counts[fate] for fate in _FATES}
        for name, counts in value.items()
        if isinstance(counts, Mapping) and all(_is_count(counts.get(fate)) for fate in _FATES)
    }


def _codes(errors: Mapping[str, int], *, api: str) -> list[dict[str, Any]]:
    found = []
    for code, count in sorted(errors.items(), key=lambda item: (-item[1], item[0])):
        info = explain(code, api=api)
        found.append(
            {"code": tidy_code(code), "count": count, "meaning": info.meaning, "advice": info.advice}
        )
    return found


def _groups(sent: Sequence[Mapping[str, Any]], watched: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return outcomes and deliveries by group, added up over all tasks."""
    found: dict[str, dict[str, Any]] = {}
    for summary in sent:
        for name, counts in (summary.get("groups") or {}).items():
            group = found.setdefault(str(name), dict.fromkeys(("total", *OUTCOMES), 0))
            if "template_code" in counts:
                group["template_code"] = str(counts["template_code"])
            for outcome in ("total", *OUTCOMES):
                group[outcome] += counts[outcome]
    # A sensor of the canary has seen some of what that of the whole campaign has seen.
    latest = {tuple(result["campaign_ids"]): result["groups"] for result in watched if result["groups"]}
    for by_name in latest.values():
        for name, counts in by_name.items():
            group = found.setdefault(name, {})
            for fate in _FATES:
                group[fate] = group.get(fate, 0) + counts[fate]
    for group in found.values():
        if "delivered" in group:
            asked = sum(group[fate] for fate in _FATES)
            interval = wilson(hits=group["delivered"], asked=asked)
            group["ratio"] = round(group["delivered"] / asked, DIGITS) if asked else None
            group["interval"] = [round(each, DIGITS) for each in interval]
    return dict(sorted(found.items()))


def _comparisons(groups: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the differences of the delivered shares of the groups that got something, pair by pair."""
    named = [name for name, group in groups.items() if group.get("ratio") is not None]
    found = []
    for one, other in [*combinations(named, 2)][:MOST_COMPARED]:
        pair = (groups[one], groups[other])
        compared = compare_ratios(
            hits=(pair[0]["delivered"], pair[1]["delivered"]),
            asked=(sum(pair[0][fate] for fate in _FATES), sum(pair[1][fate] for fate in _FATES)),
        )
        if compared.difference is not None:
            found.append(
                {
                    "groups": [one, other],
                    "difference": round(compared.difference, DIGITS),
                    "interval": [round(each, DIGITS) for each in compared.interval],
                    "is_clear": compared.is_clear,
                }
            )
    return found


def _guard(verdict: Mapping[str, Any]) -> dict[str, Any]:
    figures = verdict.get("figures")
    return {
        **{name: _masked(verdict.get(name)) for name in ("guard", "decision", "reason")},
        "figures": {_masked(name): _figure(value) for name, value in figures.items()}
        if isinstance(figures, Mapping)
        else {},
    }


def _figure(value: object) -> Any:
    if isinstance(value, bool | int | float):
        # No count is as large as a number with its country code.
        return value if abs(value) < _LARGEST_FIGURE else _masked(value)
    return None if value is None else _masked(value)


def _masked(value: object) -> str:
    # A guard that a user wrote may put anything there.
    return _LONG_DIGITS.sub("****", "" if value is None else str(value))[:_LONGEST_TEXT]


def _cost(parts: int | None, price: str | None) -> dict[str, Any] | None:
    if parts is None:
        return None
    if not _is_count(parts):
        raise ConfigurationError("parts of a report must be a whole number")
    if price is None:
        return {"parts": parts, "price": None, "amount": None, "currency": None}
    each = read_money(" ".join(price.split()), name="price of the report")
    cost = Money(each.amount * parts, each.currency).rounded_up()
    return {
        "parts": parts,
        "price": format(each.amount, "f"),
        "amount": format(cost.amount, "f"),
        "currency": cost.currency,
    }


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(code, str) and _is_count(count) for code, count in value.items()
    )

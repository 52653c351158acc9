# SPDX-License-Identifier: Apache-2.0
"""Add the results of the shards of one campaign up, and notice when one of them is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from airflow_provider_aliyunsms.audience.shards import shard_campaign
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

_COUNTS = ("total", *OUTCOMES, "requests")
_TEXTS = ("campaign_id", "api", "started_at", "finished_at")
_SHOWN = 5
_GIVE = "Give the output of the mapped send task, such as campaign=send.output."


def add_up(results: object) -> dict[str, Any]:
    """
    Return one result for all shards of a campaign.

    :param results: what the send tasks returned, one for each shard, in any order.
    :returns: the sums and the places of the receipts, see :class:`.AliyunSmsShardsSummary`.
    :raises ConfigurationError: a result is missing, is there twice, is of another campaign or is none of a shard.
    :raises AudienceError: two shards have read different audiences, so that somebody may be in neither of them.
    """
    found = _by_index(results)
    first = found[min(found)]
    _check_complete(found)
    _check_one_audience([each["shard"] for each in found.values()], totals=sum(_column(found, "total")))
    errors = Counter[str]()
    for each in found.values():
        errors.update(each["errors"])
    repeated = sum(each.get("repeated_numbers", 0) for each in found.values())
    return {
        "campaign_id": _whole_id(first),
        "api": first["api"],
        **{name: sum(_column(found, name)) for name in _COUNTS},
        "errors": dict(sorted(errors.items())),
        **({"repeated_numbers": repeated} if repeated else {}),
        **_groups(found),
        "shards": len(found),
        "rows": first["shard"]["rows"],
        "receipts_paths": [each["receipts_path"] for each in found.values() if each.get("receipts_path")],
        **({"dry_run": True} if any(each.get("dry_run") for each in found.values()) else {}),
        # All are written alike, in UTC, so that the order of the texts is that of the times.
        "started_at": min(_column(found, "started_at")),
        "finished_at": max(_column(found, "finished_at")),
    }


def _by_index(results: object) -> dict[int, Mapping[str, Any]]:
    """Return the results by the index of their shard, in order."""
    if isinstance(results, Mapping | str) or not isinstance(results, Iterable):
        raise ConfigurationError("the results of the shards are no list", advice=_GIVE)
    found: dict[int, Mapping[str, Any]] = {}
    for each in results:
        # A task that was skipped has returned nothing.
        if each is None:
            continue
        if not _is_result(each):
            raise ConfigurationError("one of the results is not that of a shard", advice=_GIVE)
        index = each["shard"]["index"]
        if index in found:
            raise ConfigurationError(f"the result of shard {index} is there twice", advice=_GIVE)
        found[index] = each
    if not found:
        raise ConfigurationError("there is no result of any shard", advice=_GIVE)
    return dict(sorted(found.items()))


def _check_complete(found: Mapping[int, Mapping[str, Any]]) -> None:
    first = next(iter(found.values()))
    of = first["shard"]["of"]
    for index, each in found.items():
        same = (each["shard"]["of"], each["api"], _whole_id(each)) == (of, first["api"], _whole_id(first))
        if not same or _whole_id(each) is None:
            raise ConfigurationError(f"the result of shard {index} is of another campaign", advice=_GIVE)
    missing = of - len(found)
    if missing:
        first_missing = islice((index for index in range(of) if index not in found), _SHOWN)
        named = ", ".join(map(str, first_missing)) + (" ..." if missing > _SHOWN else "")
        raise ConfigurationError(
            f"{missing} of {of} shards have no result: {named}",
            advice="Their people may not have been sent to. Clear the send tasks that are not green, then this one.",
        )


def _check_one_audience(shards: list[Mapping[str, Any]], *, totals: int) -> None:
    rows = {(each["rows"], each["checksum"]) for each in shards}
    # The totals may be larger: they count those, too, who were sent to and are not in the audience any more.
    if len(rows) == 1 and totals >= shards[0]["rows"]:
        return
    counts = sorted({each["rows"] for each in shards})
    raise AudienceError(
        f"the shards have read different audiences, of {counts[0]} to {counts[-1]} rows, so that somebody may be in "
        "none of them",
        advice="Clear the send tasks: each reads the audience again and sends to those who were not reached, and to "
        "nobody twice. Give shards a file or a table that does not change between them.",
    )


def _groups(found: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the outcomes of each group of a split, added up, and what tells the split; empty where there is none."""
    groups: dict[str, dict[str, Any]] = {}
    for each in found.values():
        for name, counts in (each.get("groups") or {}).items():
            group = groups.setdefault(name, {**counts, **dict.fromkeys(("total", *OUTCOMES), 0)})
            for outcome in ("total", *OUTCOMES):
                group[outcome] += counts[outcome]
    splits = {each.get("split") for each in found.values()}
    if len(splits) != 1:
        raise ConfigurationError(
            "the shards were sent with different splits",
            advice="Clear the send tasks, then this one: each counts its groups anew, and sends to nobody twice.",
        )
    return {"groups": groups, "split": splits.pop()} if groups else {}


def _are_groups(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(counts, Mapping) and all(_is_count(counts.get(name)) for name in ("total", *OUTCOMES))
        for counts in value.values()
    )


def _whole_id(result: Mapping[str, Any]) -> str | None:
    """Return the id of the whole campaign; None if that of the result is not one of its shard."""
    identity: str = result["campaign_id"]
    end = shard_campaign("", result["shard"]["index"])
    return identity.removesuffix(end) if identity.endswith(end) else None


def _column(found: Mapping[int, Mapping[str, Any]], name: str) -> list[Any]:
    return [each[name] for each in found.values()]


def _is_result(value: object) -> bool:
    if not isinstance(value, Mapping) or not isinstance(shard := value.get("shard"), Mapping):
        return False
    return (
        all(_is_count(shard.get(name)) for name in ("index", "of", "rows"))
        and shard["index"] < shard["of"]
        and isinstance(shard.get("checksum"), str)
        and all(_is_count(value.get(name)) for name in _COUNTS)
        and all(isinstance(value.get(name), str) for name in _TEXTS)
        and isinstance(errors := value.get("errors"), Mapping)
        and all(isinstance(code, str) and _is_count(count) for code, count in errors.items())
        and _is_count(value.get("repeated_numbers", 0))
        and isinstance(value.get("receipts_path"), str | None)
        and _are_groups(value.get("groups") or {})
        and isinstance(value.get("split"), str | None)
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

# SPDX-License-Identifier: Apache-2.0
"""Count the deliveries of each group of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.campaign.ports import Tracked
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign

_SETTLED = (Fate.DELIVERED, Fate.FAILED)


class GroupCounts:
    """
    The numbers of delivered and failed messages of each group, which hold neither numbers nor ids.

    :param split: who is in which group.
    :param campaigns: the campaigns that are watched; their results say how many of each group were accepted.
    :param kept: what :meth:`to_json` gave, None to begin at 0.
    :raises ConfigurationError: a campaign was not sent with this split, or with none.
    """

    def __init__(
        self, split: Split, *, campaigns: Sequence[WatchedCampaign], kept: Mapping[str, Any] | None = None
    ) -> None:
        self._split = split
        self._accepted = Counter[str]()
        for campaign in campaigns:
            if not campaign.accepted:
                continue
            is_other = campaign.split is not None and campaign.split != split.fingerprint()
            if campaign.groups is None or is_other or not campaign.groups.keys() <= {*split.names}:
                raise ConfigurationError(
                    "the split of the sensor is not that of the campaign",
                    advice="Give sensor and send operator the same Split, with the same shares and salt.",
                )
            self._accepted.update(campaign.groups)
        counts = (kept or {}).get("counts") or {}
        self._counts = {fate: Counter({**counts.get(fate.value, {})}) for fate in _SETTLED}

    def note(self, *, message: Tracked, delivery: Delivery, api: str) -> None:
        """Count one message that was delivered or failed."""
        from airflow_provider_aliyunsms.audience.phone_numbers import with_country_code

        if not message.number:
            # Its recipient has left the audience, and nobody counts them.
            return
        number = with_country_code(message.number.removeprefix("+"), product=PRODUCTS[api])
        self._counts[delivery.fate][self._split.group(number)] += 1

    def results(self) -> dict[str, dict[str, int]]:
        """Return delivered, failed and pending messages by group, of the groups of which some were accepted."""
        found = {}
        for name, accepted in sorted(self._accepted.items()):
            if accepted:
                delivered, failed = (self._counts[fate][name] for fate in _SETTLED)
                pending = max(0, accepted - delivered - failed)
                found[name] = {"delivered": delivered, "failed": failed, "pending": pending}
        return found

    def to_json(self) -> dict[str, Any]:
        """Return a form that another process can go on from, see :func:`is_kept`."""
        return {
            "split": self._split.fingerprint(),
            "counts": {fate.value: dict(counts) for fate, counts in self._counts.items()},
        }


def is_kept(kept: object, *, split: Split) -> bool:
    """Return whether this is what :meth:`GroupCounts.to_json` gave for the split."""
    if not isinstance(kept, Mapping) or kept.get("split") != split.fingerprint():
        return False
    counts = kept.get("counts")
    return isinstance(counts, Mapping) and all(
        isinstance(by_name := counts.get(fate.value), Mapping)
        and all(isinstance(count, int) and count >= 0 for count in by_name.values())
        for fate in _SETTLED
    )


def split_to_json(split: Split | None) -> dict[str, Any] | None:
    """Return a split for the arguments of a trigger; :func:`split_from_json` reads it."""
    return None if split is None else {"shares": dict(split.shares), "salt": split.salt}


def split_from_json(kept: Mapping[str, Any] | None) -> Split | None:
    """
    Return the split that :func:`split_to_json` wrote.

    :raises ConfigurationError: it is damaged.
    """
    if kept is None:
        return None
    return Split(kept.get("shares", {}), salt=kept.get("salt", ""))

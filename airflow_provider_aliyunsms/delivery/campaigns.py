# SPDX-License-Identifier: Apache-2.0
"""Read the result of a send task, to learn which campaign to watch and where its receipts are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_aliyunsms.audience.strict_json import parse_json
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.products import PRODUCTS

log = logging.getLogger(__name__)

KEPT_FIELDS = ("phone_number", "to", "outcome", "biz_id", "message_id", "out_id", "time")
"""The fields of an inline receipt that a query needs; the others are dropped."""

LARGEST_UNPACKED = 64 * 1024 * 1024
"""Bytes of the largest list of inline receipts that is unpacked from the arguments of an old trigger."""

ADVICE = "Pass the output of a send operator, such as campaign=send.output, or a list of several."


@dataclass(frozen=True, slots=True)
class WatchedCampaign:
    """
    The parts of a send task's result that the delivery layer needs.

    :param campaign_id: the campaign's id; empty when the result holds none.
    :param api: the API that sent it, a key of :data:`~airflow_provider_aliyunsms.products.PRODUCTS`.
    :param accepted: number of messages the gateway accepted.
    :param finished_at: when sending ended, seconds since the epoch.
    :param digest: fingerprint of the audience; empty when the result holds none.
    :param receipts_path: path or URI of the receipts file; None when the receipts are inline.
    :param receipts: the accepted receipts of a small campaign; None when they are in a file, or were left behind in
        the XCom (:meth:`to_json`). They hold phone numbers, so the repr leaves them out.
    :param receipts_host: the machine on whose disk the receipts file is; None when it is on no disk of one machine.
    :param dry_run: it was a rehearsal: nothing was sent. Not kept for a trigger, which has nothing to ask then.
    :param groups: the number of accepted messages of each group of a split; None where there is none.
    :param split: tells that split from others; None where it is not known.
    """

    campaign_id: str
    api: str
    accepted: int
    finished_at: float
    digest: str
    receipts_path: str | None
    receipts: tuple[Mapping[str, Any], ...] | None
    dry_run: bool = False
    receipts_host: str | None = None
    groups: Mapping[str, int] | None = None
    split: str | None = None

    def __repr__(self) -> str:
        return f"WatchedCampaign({self.campaign_id!r}, accepted={self.accepted})"

    @property
    def can_be_asked_for(self) -> bool:
        """Whether the receipts are at hand, or there is nothing to ask for."""
        return not self.accepted or self.receipts is not None or self.receipts_path is not None

    def to_json(self) -> dict[str, Any]:
        """
        Return a JSON form for the arguments of a trigger; :meth:`from_json` reads it.

        Inline receipts stay where they are, in the XCom of the send task: Airflow keeps the arguments of a trigger in
        its database, and they would be one more place with phone numbers.
        """
        return {
            "campaign_id": self.campaign_id,
            "api": self.api,
            "accepted": self.accepted,
            "finished_at": self.finished_at,
            "digest": self.digest,
            "receipts_path": self.receipts_path,
            **({"receipts_host": self.receipts_host} if self.receipts_host else {}),
            **({"groups": dict(self.groups)} if self.groups is not None else {}),
            **({"split": self.split} if self.split is not None else {}),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> WatchedCampaign:
        """
        Return the campaign that :meth:`to_json` wrote.

        Earlier releases wrote inline receipts as well, under ``packed``. Triggers of that time may still be in
        Airflow's database, so they are read.

        :raises ConfigurationError: ``kept`` is damaged or something else.
        """
        try:
            packed = kept.get("packed")
            made = cls(
                campaign_id=kept["campaign_id"],
                api=kept["api"],
                accepted=kept["accepted"],
                finished_at=kept["finished_at"],
                digest=kept["digest"],
                receipts_path=kept.get("receipts_path"),
                receipts_host=kept.get("receipts_host"),
                receipts=None if packed is None else _unpacked(packed),
                groups=kept.get("groups"),
                split=kept.get("split"),
            )
        except (KeyError, TypeError, AttributeError, ValueError, zlib.error, binascii.Error):
            raise _unreadable() from None
        if not made.is_sound():
            raise _unreadable()
        return made

    def is_sound(self) -> bool:
        """Return whether every field has a possible value; it was stored outside, where it may have been changed."""
        return (
            all(isinstance(text, str) for text in (self.campaign_id, self.api, self.digest))
            and self.api in PRODUCTS
            and isinstance(self.accepted, int)
            and not isinstance(self.accepted, bool)
            and self.accepted >= 0
            and isinstance(self.finished_at, int | float)
            and math.isfinite(self.finished_at)
            and isinstance(self.receipts_path, str | None)
            and isinstance(self.receipts_host, str | None)
            and (self.groups is None or _are_counts(self.groups))
            and isinstance(self.split, str | None)
        )


def _are_counts(groups: object) -> bool:
    return isinstance(groups, Mapping) and all(
        isinstance(name, str) and isinstance(count, int) and not isinstance(count, bool) and count >= 0
        for name, count in groups.items()
    )


def _accepted_by_group(groups: object) -> Mapping[str, int] | None:
    """Return the accepted messages of each group of a send task's result, None where it has no groups."""
    if not isinstance(groups, Mapping):
        return None
    found: dict[str, Any] = {
        name: each.get("accepted") for name, each in groups.items() if isinstance(each, Mapping)
    }
    return found if _are_counts(found) else None


def _unreadable() -> ConfigurationError:
    return ConfigurationError("the trigger's campaign is unreadable", advice=ADVICE)


def _unpacked(packed: str) -> tuple[Mapping[str, Any], ...]:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(base64.b64decode(packed, validate=True), LARGEST_UNPACKED)
    if not unpacking.eof:
        raise ValueError("cut, or larger than any that was written")
    receipts = parse_json(text.decode())
    if not isinstance(receipts, list) or not all(isinstance(each, dict) for each in receipts):
        raise TypeError("no list of receipts")
    return tuple(receipts)


def watched(campaign: Any) -> tuple[WatchedCampaign, ...]:
    """
    Return the campaigns to watch, read from the result of one send task or of several.

    :param campaign: a mapping, an iterable of mappings (the output of a mapped send task), or either as JSON text.
    :returns: at least one campaign, in the given order; None among several is a task that was skipped, and left out.
    :raises ConfigurationError: something is missing or wrong; the text says what, and where to find it.
    """
    if isinstance(campaign, str):
        campaign = _from_text(campaign)
    if campaign is None:
        raise ConfigurationError(
            "campaign is None: the send task left no result, because it was skipped, failed or its XCom is gone",
            advice="Look at the send task first. " + ADVICE,
        )
    if isinstance(campaign, Mapping):
        return (_watched_one(campaign),)
    if isinstance(campaign, Iterable) and not isinstance(campaign, bytes):
        given = list(campaign)
        several = tuple(_watched_one(each) for each in given if each is not None)
        if several:
            if len(several) < len(given):
                say(
                    log,
                    logging.WARNING,
                    "%d of %d send tasks were skipped or failed: they are left out.",
                    len(given) - len(several),
                    len(given),
                )
            return several
        raise ConfigurationError(
            f"campaign is {'a list of nothing but None' if given else 'an empty list'}: no send task left a result",
            advice="Look at the send tasks first. " + ADVICE,
        )
    raise ConfigurationError(
        f"campaign must be a mapping or a list of them, not {type(campaign).__name__}", advice=ADVICE
    )


def campaigns_fingerprint(campaigns: Sequence[WatchedCampaign], *, sample_size: int | None = None) -> str:
    """
    Return a hash of the campaigns and the sample size, by which saved progress is recognised.

    Progress saved under another hash belongs to other messages and is ignored.

    :param sample_size: messages asked for instead of all, None for all.
    """
    facts = [[each.campaign_id, each.digest, each.accepted, each.receipts_path] for each in campaigns]
    return hashlib.blake2b(json.dumps([facts, sample_size]).encode(), digest_size=16).hexdigest()


def ids_of(campaigns: Sequence[WatchedCampaign]) -> str | list[str]:
    """Return the id of a single campaign as text, or the ids of several as a list."""
    ids = [each.campaign_id for each in campaigns]
    return ids[0] if len(ids) == 1 else ids


def parse_time(text: Any) -> float | None:
    """
    Return an ISO 8601 time as seconds since the epoch, or None when it is no such text.

    A time without a zone is read as UTC.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _from_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(
            "campaign is a text that is not JSON",
            advice=ADVICE
            + " A Jinja template needs render_template_as_native_obj=True or the tojson filter.",
        ) from None


def _watched_one(campaign: Any) -> WatchedCampaign:
    if not isinstance(campaign, Mapping):
        raise ConfigurationError(
            f"campaign holds {type(campaign).__name__} where a send task's result belongs", advice=ADVICE
        )
    api, accepted = campaign.get("api"), campaign.get("accepted")
    if not isinstance(api, str) or api not in PRODUCTS:
        raise ConfigurationError(f"campaign needs api, one of {' and '.join(PRODUCTS)}", advice=ADVICE)
    if isinstance(accepted, bool) or not isinstance(accepted, int) or accepted < 0:
        raise ConfigurationError("campaign needs accepted, the number of accepted messages", advice=ADVICE)
    finished_at = parse_time(campaign.get("finished_at"))
    if finished_at is None:
        raise ConfigurationError("campaign needs finished_at, as 2026-01-02T03:04:05Z", advice=ADVICE)
    path, receipts = _where(campaign, accepted=accepted)
    return WatchedCampaign(
        campaign_id=str(campaign.get("campaign_id", "")),
        api=api,
        accepted=accepted,
        finished_at=finished_at,
        digest=str(campaign.get("digest", "")),
        receipts_path=path,
        receipts=receipts,
        dry_run=campaign.get("dry_run") is True,
        receipts_host=str(host) if (host := campaign.get("receipts_host")) else None,
        groups=_accepted_by_group(campaign.get("groups")),
        split=str(split) if (split := campaign.get("split")) else None,
    )


def _where(
    campaign: Mapping[str, Any], *, accepted: int
) -> tuple[str | None, tuple[Mapping[str, Any], ...] | None]:
    """Return path and inline receipts; exactly one of the two is not None, and inline receipts win."""
    receipts, path = campaign.get("receipts"), campaign.get("receipts_path")
    if isinstance(receipts, Sequence) and not isinstance(receipts, str | bytes):
        return None, tuple(_kept(each) for each in receipts if _is_accepted(each))
    if path:
        return str(path), None
    if not accepted:
        return None, ()
    raise ConfigurationError(
        "campaign has neither receipts nor receipts_path",
        advice="Give the send operator a receipts_path on a storage every worker and the triggerer can read.",
    )


def _is_accepted(receipt: Any) -> bool:
    return isinstance(receipt, Mapping) and receipt.get("outcome") == "accepted"


def _kept(receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: receipt[name] for name in KEPT_FIELDS if receipt.get(name) is not None}

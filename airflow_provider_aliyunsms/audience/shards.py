# SPDX-License-Identifier: Apache-2.0
"""
Cut an audience into shards, each of which one task sends to.

A row belongs to the shard that follows from a hash of its phone number. Neither the order of the rows nor rows that
come or go move anybody. The number is the one that the rules made of the row, which is also the one that a ledger
knows a person by: all spellings of a number are in one shard, and so are its duplicates. A row that was rejected
belongs to the shard of the text in its cell, so that each row is in exactly one shard.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.audience.rules import PreparedBlock

CUT_BY = "number-1"
"""
The name of the rule by which a row finds its shard.

It stands in the record of a campaign's shards. Whoever changes :func:`hashes_of` must change it: with the old name,
people of a running campaign would move to shards whose ledgers do not know them, and get a second message.
"""

_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """
    One part of an audience.

    :param index: which one, from 0.
    :param of: how many there are.
    :param salt: a secret that all shards of the campaign share; it has no part in who belongs to which. Empty where
        there is none, as in a rehearsal.
    """

    index: int
    of: int
    salt: str = field(default="", repr=False)

    def campaign_id(self, campaign_id: str) -> str:
        """Return the identity of this part of a campaign, which does not say how many parts there are."""
        return shard_campaign(campaign_id, self.index)


def shard_campaign(campaign_id: str, index: int) -> str:
    """Return the campaign id under which the shard of this index is sent."""
    return f"{campaign_id}/shard-{index}"


def hashes_of(texts: Sequence[str]) -> tuple[int, ...]:
    """
    Return a 64-bit hash of each text; the remainder of its division by the number of shards is the shard's index.

    The hash has no key, because it is not stored anywhere.
    """
    fresh = hashlib.blake2b(digest_size=8, person=CUT_BY.encode()).copy
    digests = []
    for text in texts:
        one = fresh()
        one.update(text.encode("utf-8", "surrogatepass"))
        digests.append(one.digest())
    return struct.unpack(f">{len(digests)}Q", b"".join(digests))


class ShardCut:
    """
    Keep the rows of one shard while an audience is read, and count the whole of it.

    All rows are checked by the rules before they come here. So what only all rows together show (other variables in
    some rows, numbers that lost digits) is found in each shard alike, and each of them refuses to send.

    :param shard: the part to keep.
    :ivar rows: rows of the whole source.
    :ivar good: those of them that the rules accepted.
    """

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.rows = 0
        self.good = 0
        self._sum = 0

    def part_of(self, prepared: PreparedBlock) -> PreparedBlock:
        """Return the rows of a block that belong to the shard, in their order; perhaps none."""
        texts: Sequence[str] = prepared.numbers
        if prepared.refusals and prepared.given is not None:
            texts = [number or given for number, given in zip(prepared.numbers, prepared.given, strict=True)]
        hashes = hashes_of(texts)
        self.rows += len(hashes)
        self.good += len(hashes) - len(prepared.refusals)
        self._sum = (self._sum + sum(hashes)) % (1 << _BITS)
        index, of = self.shard.index, self.shard.of
        mine = [each % of == index for each in hashes]
        return prepared if all(mine) else _picked(prepared, mine)

    def figures(self) -> dict[str, Any]:
        """
        Return which shard it is and what the whole source was, for the result.

        Shards that have read the same numbers, in whatever order, have the same ``rows`` and ``checksum``.
        """
        return {
            "index": self.shard.index,
            "of": self.shard.of,
            "rows": self.rows,
            "checksum": self.salted(f"{self._sum:x}"),
        }

    def salted(self, fingerprint: str) -> str:
        """
        Return what may be shown of a fingerprint of people: a hash under the salt; nothing where there is none.

        Without the salt it says only whether two audiences of the campaign are equal. A fingerprint as it is could
        be compared with that of every number there is, and the difference of two sums is one person.
        """
        if not self.shard.salt:
            return ""
        key = self.shard.salt.encode()
        return hashlib.blake2b(fingerprint.encode(), digest_size=8, key=key).hexdigest()


def _picked(prepared: PreparedBlock, mine: Sequence[bool]) -> PreparedBlock:
    refusals = []
    if prepared.refusals:
        # The new position of a row is the number of rows of the shard before it.
        places = [0]
        for one in mine:
            places.append(places[-1] + one)
        refusals = [
            replace(refusal, position=places[refusal.position])
            for refusal in prepared.refusals
            if mine[refusal.position]
        ]
    return replace(
        prepared,
        numbers=[*compress(prepared.numbers, mine)],
        contents=[*compress(prepared.contents, mine)],
        given=None if prepared.given is None else [*compress(prepared.given, mine)],
        refusals=refusals,
    )

# SPDX-License-Identifier: Apache-2.0
"""Cut an audience into the recipients of one API call."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Recipient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Member = tuple[int, Recipient]


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    The recipients of one API call.

    :param out_id: the label sent as ``OutId`` or ``TaskId``: the same recipients always have the same one.
    :param keys: one recipient key per recipient, in order.
    :param recipients: who receives what, in order.
    :param complete: False when some of the journaled recipients are no longer in the audience.
    """

    out_id: str
    keys: tuple[int, ...]
    recipients: tuple[Recipient, ...]
    complete: bool = True

    def __len__(self) -> int:
        return len(self.keys)


def make_chunk(*, campaign: str, members: Sequence[Member]) -> Chunk:
    """Build a chunk and its out id; a recipient key covers number and content, so the keys say it all."""
    keys = tuple(key for key, _ in members)
    return Chunk(
        out_id=out_id_of(campaign=campaign, keys=keys),
        keys=keys,
        recipients=tuple(recipient for _, recipient in members),
    )


def out_id_of(*, campaign: str, keys: Sequence[int]) -> str:
    """Return the label of a chunk: 28 characters, well below the limits of both APIs."""
    digest = hashlib.blake2b(campaign.encode(), digest_size=16)
    digest.update(struct.pack(f">{len(keys)}q", *keys))
    return "af" + base64.b32encode(digest.digest()).decode().rstrip("=").lower()


def halves(*, campaign: str, chunk: Chunk) -> tuple[Chunk, Chunk]:
    """Split a refused chunk, so that its culprit stands alone in the end."""
    members = list(zip(chunk.keys, chunk.recipients, strict=True))
    middle = len(members) // 2
    return (
        make_chunk(campaign=campaign, members=members[:middle]),
        make_chunk(campaign=campaign, members=members[middle:]),
    )


def cut(*, campaign: str, batches: Iterable[Sequence[Member]], size: int) -> Iterator[Chunk]:
    """
    Yield chunks of at most ``size`` recipients.

    Recipients with and without an extension code travel apart: the API aligns the codes by index, and nothing
    says what an empty one means.
    """
    waiting: dict[bool, list[Member]] = {False: [], True: []}
    for batch in batches:
        for member in batch:
            group = waiting[bool(member[1].sms_up_extend_code)]
            group.append(member)
            if len(group) == size:
                yield make_chunk(campaign=campaign, members=group)
                group.clear()
    for group in waiting.values():
        if group:
            yield make_chunk(campaign=campaign, members=group)

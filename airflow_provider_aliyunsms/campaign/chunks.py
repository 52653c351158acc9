# SPDX-License-Identifier: Apache-2.0
"""Cut an audience into chunks, each of which holds the recipients of one API call."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.content import have_no_extend_code
from airflow_provider_aliyunsms.audience.recipients import Members, Recipient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PARTS = 10
"""Parts of a refused chunk."""

Member = tuple[int, Recipient]
"""A recipient with its key, which stands for it in the ledger."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    The recipients of one API call.

    :param out_id: the label sent as ``OutId`` or ``TaskId``; the same recipients always have the same label.
    :param members: the recipients with their contents and keys, in the order of the request.
    :param complete: False when the identical request cannot be made again: some of the recipients in the ledger are
        no longer in the audience, or the AccessKey is another one.
    :param mixed: it is a part of a refused chunk with several signatures or extension codes.
    """

    out_id: str
    members: Members
    complete: bool = True
    mixed: bool = False

    def __len__(self) -> int:
        return len(self.members)

    @property
    def has_several_origins(self) -> bool:
        """Whether its recipients differ in signature or extension code; costs a pass over the contents."""
        return len({(recipient.sign_name, recipient.sms_up_extend_code) for recipient in self.recipients}) > 1

    @property
    def keys(self) -> tuple[int, ...]:
        """One recipient key per recipient, in order."""
        return self.members.keys

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """The recipients, in order; they are built anew at each access."""
        return tuple(recipient for _, recipient in self.members)


def make_chunk(*, campaign: str, members: Members) -> Chunk:
    """
    Return a chunk of these recipients with its out id.

    :param campaign: the campaign id, with the generation after a resend.
    :param members: the recipients, in order; the out id is derived from their keys.
    """
    return Chunk(out_id=out_id_of(campaign=campaign, keys=members.keys), members=members)


def out_id_of(*, campaign: str, keys: Sequence[int]) -> str:
    """
    Return the label of a chunk: 28 characters, well below the limits of both APIs.

    :param campaign: the campaign id, with the generation after a resend.
    :param keys: the recipient keys of the chunk, in order; another order gives another label.
    """
    digest = hashlib.blake2b(campaign.encode(), digest_size=16)
    digest.update(struct.pack(f">{len(keys)}q", *keys))
    return "af" + base64.b32encode(digest.digest()).decode().rstrip("=").lower()


def parts(*, campaign: str, members: Members, mixed: bool = False) -> list[Chunk]:
    """
    Cut the recipients of a refused chunk into tenths, or into single ones when there are no more than ten.

    Repeated, it isolates the recipient because of which a call was refused, with two waits for evidence where halves
    would need seven.

    :param campaign: the campaign id, with the generation after a resend.
    :param members: the recipients, in order.
    :param mixed: the refused chunk had several signatures or extension codes.
    """
    size = max(1, -(-len(members) // PARTS))
    return [
        replace(make_chunk(campaign=campaign, members=members.part(start, start + size)), mixed=mixed)
        for start in range(0, len(members), size)
    ]


def probes(*, campaign: str, chunk: Chunk, count: int) -> tuple[list[Chunk], list[Chunk]]:
    """
    Take single recipients out of a chunk, spread over it, and cut the others like those of a refused chunk.

    A chunk of one recipient is a probe by itself.

    :param campaign: the campaign id, with the generation after a resend.
    :param count: how many single recipients to take, 0 for none.
    :returns: the chunks of one recipient each, and the chunks of the rest.
    """
    members, size = chunk.members, len(chunk)
    places = {place * size // count for place in range(count)} if count < size else {*range(size)}
    others = [place for place in range(size) if place not in places]
    singles = [
        replace(make_chunk(campaign=campaign, members=members.at([place])), mixed=chunk.mixed)
        for place in sorted(places)
    ]
    return singles, parts(campaign=campaign, members=members.at(others), mixed=chunk.mixed) if others else []


def cut(*, campaign: str, batches: Iterable[Members], size: int) -> Iterator[Chunk]:
    """
    Yield the recipients in chunks of at most ``size``.

    Recipients with and without an extension code go into separate chunks: the API aligns the codes by index, and it
    is not documented what an empty code means. Two messages to one number go into separate chunks too: records and
    lists of failed numbers name numbers only, so within one call the two messages could not be told apart.

    :param campaign: the campaign id, with the generation after a resend.
    :param batches: the recipients in the order of the audience.
    :param size: recipients of one chunk at most.
    """
    groups = {False: _Group(size), True: _Group(size)}
    for batch in batches:
        start = 0
        # The usual case: the next ``size`` recipients are a chunk as they are, and need not be looked at one by one.
        while not any(groups.values()) and _is_plain(batch.part(start, start + size), size=size):
            yield make_chunk(campaign=campaign, members=batch.part(start, start + size))
            start += size
        for member in batch.part(start):
            group = groups[bool(member[1].sms_up_extend_code)]
            if group.take(member):
                yield make_chunk(campaign=campaign, members=Members.of(group.emptied()))
    for group in groups.values():
        while group:
            yield make_chunk(campaign=campaign, members=Members.of(group.emptied()))


def _is_plain(members: Members, *, size: int) -> bool:
    """Return whether these make a full chunk, with no number twice and no extension code."""
    return len(members) == size and len({*members.numbers}) == size and have_no_extend_code(members.contents)


class _Group:
    """Collect the members of the next chunk; one whose number is in it already waits for the chunk after it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._members: list[Member] = []
        self._numbers: set[str] = set()
        self._later: list[Member] = []

    def __bool__(self) -> bool:
        return bool(self._members)

    def take(self, member: Member) -> bool:
        """Add a member and return whether the chunk is full."""
        if member[1].number in self._numbers:
            self._later.append(member)
        else:
            self._numbers.add(member[1].number)
            self._members.append(member)
        return len(self._members) >= self._size

    def emptied(self) -> list[Member]:
        """Return the members and begin the next chunk with those that waited."""
        members, later = self._members, self._later
        self._members, self._later, self._numbers = [], [], set()
        # Never a full chunk: the numbers of those who waited are among the members, of whom the last one filled it.
        for member in later:
            self.take(member)
        return members

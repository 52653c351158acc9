# SPDX-License-Identifier: Apache-2.0
"""Hold recipients (a number and its content) and make the hashes by which spool and ledger know them."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from airflow_provider_aliyunsms.audience.content import read_content, write_content
from airflow_provider_aliyunsms.audience.phone_numbers import mask_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


Dedupe = Literal["content", "phone"]

_CONTENT_COUNTS: dict[Dedupe, bool] = {"content": True, "phone": False}


@dataclass(frozen=True, slots=True, repr=False)
class Recipient:
    """
    One phone number with the content it shall receive.

    :param number: eleven digits for a mainland mobile, else country code and number without a plus sign.
    :param sign_name: the signature, China only.
    :param template_param: the template's variables, all strings, China only.
    :param sms_up_extend_code: the extension code for replies, China only.
    :param message: the finished text, Globe only.
    """

    number: str
    sign_name: str = ""
    template_param: Mapping[str, str] = field(default_factory=dict, hash=False)
    sms_up_extend_code: str = ""
    message: str = ""
    _written: str = field(init=False, compare=False)  # the cached content, not set at first

    def __repr__(self) -> str:
        return f"Recipient({mask_number(self.number)})"

    @property
    def content(self) -> str:
        """All fields but the number as canonical JSON text; equal contents give equal texts."""
        # object.__setattr__ writes the cache, because the class is frozen.
        try:
            return self._written
        except AttributeError:
            content = write_content(
                message=self.message,
                sign_name=self.sign_name,
                sms_up_extend_code=self.sms_up_extend_code,
                template_param=self.template_param,
            )
            object.__setattr__(self, "_written", content)
            return content

    @classmethod
    def from_content(cls, *, number: str, content: str) -> Recipient:
        """Return the recipient with this number and this :attr:`content`."""
        recipient = cls(number, **read_content(content))
        object.__setattr__(recipient, "_written", content)
        return recipient


def recipient_keys(
    *, campaign_id: str, numbers: Sequence[str], contents: Sequence[str], dedupe: Dedupe
) -> tuple[int, ...]:
    """
    Return the keys of recipients: hashes of number and content, by which the spool and a try know them.

    In a campaign of a million recipients, the chance that two of them share a key is about 3 in 100 million. The
    later one is then skipped as a duplicate, and its receipt says so.

    :param campaign_id: part of the hash, so that the same recipient has unrelated keys in two campaigns.
    :param numbers: canonical numbers.
    :param contents: :attr:`Recipient.content` of each number, in the same order.
    :param dedupe: ``content`` keeps two different messages to one number, ``phone`` keeps only the first one.
    :returns: one signed 64-bit integer for each recipient, as SQLite stores it.
    :raises ValueError: ``dedupe`` is another word, or the campaign has no id.
    """
    if dedupe not in _CONTENT_COUNTS:
        msg = f"dedupe must be 'content' or 'phone', not {dedupe!r}"
        raise ValueError(msg)
    if not _CONTENT_COUNTS[dedupe]:
        contents = [""] * len(numbers)
    # The number's length begins the text. Hashed once for all numbers of that length, it takes the block of the key
    # with it, which is a good part of the work for a text as short as these.
    copies = {length: _keyed_hash(campaign_id, length).copy for length in {*map(len, numbers)}}
    digests = []
    for number, content in zip(numbers, contents, strict=True):
        keyed = copies[len(number)]()
        # The hashed text must stay as it is: the tags of a ledger are hashes of these keys, and ledgers of version
        # 1 hold the keys themselves. With other ones a retry would take its recipients for others.
        # The length keeps the number and the content apart. "surrogatepass": a lone surrogate cannot be sent, but it
        # must not raise an error here that carries the text.
        keyed.update(f"{number}{content}".encode("utf-8", "surrogatepass"))
        digests.append(keyed.digest())
    return struct.unpack(f">{len(digests)}q", b"".join(digests))


@dataclass(frozen=True, slots=True, repr=False)
class LedgerKeys:
    """
    Make what a ledger knows recipients by: a hash of the number, and a tag of the content, which is stored masked.

    Without a secret, anyone who can read a ledger can find out which mainland numbers are in it by trying all of
    them. With a secret, that takes the secret, too.

    :param campaign_id: the same number has unrelated keys in two campaigns.
    :param dedupe: with ``phone`` the number alone is the identity, and there are no tags.
    :param secret: mixed into every hash and mask; empty for none.
    """

    campaign_id: str
    dedupe: Dedupe
    secret: bytes = field(default=b"", repr=False)

    def numbers(self, numbers: Sequence[str]) -> tuple[int, ...]:
        """Return one signed 64-bit key for each canonical number."""
        copy = _number_hash(self.campaign_id, self.secret).copy
        digests = []
        for number in numbers:
            keyed = copy()
            keyed.update(number.encode("utf-8", "surrogatepass"))
            digests.append(keyed.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def tags(self, keys: Sequence[int]) -> tuple[int, ...]:
        """
        Return one 32-bit tag for each recipient key; equal contents of one number have equal tags.

        A tag is no secret to whoever knows the campaign id: it is stored :meth:`masked` only.

        :param keys: what :func:`recipient_keys` gave.
        :returns: nothing at all with ``dedupe="phone"``.
        """
        if self.dedupe == "phone":
            return ()
        # The second half of each key, which is a hash already: another hash of it would cost as much as the first.
        return struct.unpack(f">{2 * len(keys)}I", struct.pack(f">{len(keys)}q", *keys))[1::2]

    def masked(self, tags: Sequence[int], *, nonce: str) -> tuple[int, ...]:
        """
        Hide tags, or show hidden ones again: both is the same exclusive or with bytes that follow from the secret.

        :param tags: the tags of one chunk.
        :param nonce: a text that no other chunk has, because equal bytes must not hide two lists.
        """
        size = 4 * len(tags)
        mask = hashlib.shake_256(_mask_key(self.campaign_id, self.secret) + nonce.encode()).digest(size)
        plain = struct.pack(f">{len(tags)}I", *tags)
        mixed = int.from_bytes(plain, "big") ^ int.from_bytes(mask, "big")
        return struct.unpack(f">{len(tags)}I", mixed.to_bytes(size, "big"))


# The objects of these two are shared by all calls: update copies only, or every later key of the campaign changes.
@lru_cache(maxsize=64)
def _keyed_hash(campaign_id: str, length: int) -> hashlib.blake2b:
    return hashlib.blake2b(f"{length}:".encode(), digest_size=8, key=_campaign_key(campaign_id))


@lru_cache(maxsize=16)
def _number_hash(campaign_id: str, secret: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=8, key=_secret_key(campaign_id, secret, b"number"))


@lru_cache(maxsize=16)
def _mask_key(campaign_id: str, secret: bytes) -> bytes:
    return _secret_key(campaign_id, secret, b"content")


def _secret_key(campaign_id: str, secret: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(_campaign_key(campaign_id) + purpose, digest_size=32, key=secret[:64]).digest()


def _campaign_key(campaign_id: str) -> bytes:
    if not campaign_id:
        msg = "a campaign needs an id"
        raise ValueError(msg)
    return hashlib.blake2b(campaign_id.encode("utf-8", "surrogatepass"), digest_size=32).digest()


@dataclass(frozen=True, slots=True, repr=False)
class Members:
    """
    A sequence of recipients with their keys, stored as three columns of equal length.

    Iterating yields pairs of a key and a :class:`Recipient`, which is made anew each time.

    :param keys: the recipient keys, see :func:`recipient_keys`.
    :param numbers: canonical numbers.
    :param contents: :attr:`Recipient.content` of each.
    """

    keys: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[tuple[int, Recipient]]:
        for key, number, content in zip(self.keys, self.numbers, self.contents, strict=True):
            yield key, Recipient.from_content(number=number, content=content)

    def __repr__(self) -> str:
        return f"Members({len(self)})"

    def part(self, start: int, stop: int | None = None) -> Members:
        """Return the recipients from ``start`` up to but without ``stop`` (to the end by default)."""
        return Members(self.keys[start:stop], self.numbers[start:stop], self.contents[start:stop])

    def at(self, indexes: Sequence[int]) -> Members:
        """Return the recipients at these places."""
        return Members(
            tuple(self.keys[index] for index in indexes),
            tuple(self.numbers[index] for index in indexes),
            tuple(self.contents[index] for index in indexes),
        )

    def and_then(self, others: Members) -> Members:
        """Return these recipients followed by the others."""
        return Members(
            self.keys + others.keys, self.numbers + others.numbers, self.contents + others.contents
        )

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, Recipient]]) -> Members:
        """Return the given pairs of a key and a recipient, stored as columns."""
        return cls(
            tuple(key for key, _ in pairs),
            tuple(recipient.number for _, recipient in pairs),
            tuple(recipient.content for _, recipient in pairs),
        )

# SPDX-License-Identifier: Apache-2.0
"""Make the hashes by which a store of claims knows phone numbers, days and campaigns."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Iterable


_LEDGER_BITS = 32
_LEDGER_HALF = (1 << _LEDGER_BITS) - 1


def without_ledger(campaign: int) -> int:
    """Return the half of a campaign's hash that tells its id, for a dry run, which has no ledger."""
    return campaign >> _LEDGER_BITS


def check_secret(found: int, *, own: int) -> None:
    """
    Check that a store was begun with the secret of this deployment: with another one every count would begin anew.

    :param found: the :attr:`Hashes.fingerprint` that the store remembers.
    :param own: that of this deployment.
    :raises ClaimsError: they differ.
    """
    if found != own:
        raise ClaimsError(
            "the claims in this store were made with another secret",
            advice="Give back the secret with which the store was begun; or name another place, where all counts "
            "begin anew.",
        )


class Hashes:
    """
    Make 64-bit hashes that nobody without the secret can trace back to a phone number.

    Of ten million numbers in one store, the chance that any two share a hash is about 3 in a million; they then
    share one count, so that one of them may get less than it could.

    :param secret: that of the deployment; empty for none: then anyone who can read the store can find out which
        numbers are in it, by trying all.
    """

    def __init__(self, secret: bytes) -> None:
        # Of any length; a key of BLAKE2 has at most 64 bytes.
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"sms-claims").digest()

    @property
    def fingerprint(self) -> int:
        """A hash of the secret: stores remember it, because with another secret every count would begin anew."""
        return self.of("the secret of this store", kind="secret")

    def of_campaign(self, campaign_id: str, *, ledger_name: str) -> int:
        """
        Return the hash of a campaign: half of it tells the campaign id, half of it the ledger.

        Not the campaign id alone: what a resend sends again comes on top of what was sent before, and so does what
        another run with the same id and a ledger of its own sends.
        """
        named, kept = self.of(campaign_id, kind="campaign"), self.of(ledger_name, kind="ledger")
        return (named & ~_LEDGER_HALF) | (kept & _LEDGER_HALF)

    def of(self, text: str, *, kind: str) -> int:
        """Return the hash of one text; the same text of another kind has another hash."""
        (found,) = self.of_all([text], kind=kind)
        return found

    def of_all(self, texts: Iterable[str], *, kind: str) -> tuple[int, ...]:
        """Return the hash of each text: a signed 64-bit integer, as databases store it."""
        keyed = hashlib.blake2b(digest_size=8, key=self._key)
        keyed.update(f"{len(kind)}:{kind}".encode("utf-8", "surrogatepass"))
        copy = keyed.copy
        digests = []
        for text in texts:
            one = copy()
            one.update(text.encode("utf-8", "surrogatepass"))
            digests.append(one.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

# SPDX-License-Identifier: Apache-2.0
"""
Divide people into groups at random, each of which gets another message, or none.

The group of a person follows from a hash of the phone number and a salt. Neither the order of an audience nor who
else is in it moves anybody, and the same split gives the same groups in every task, run and process.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from airflow_provider_aliyunsms.exceptions import ConfigurationError

DIVIDED_BY = b"split-1"
"""The name of the rule by which a number finds its group; another rule moves people, so it needs another name."""

TOLERANCE = 1e-9
"""By how much the sum of the shares may differ from 1."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_ALL = 1 << 64


@dataclass(frozen=True)
class Split:
    """
    A division of people into groups by their phone numbers.

    With another salt the same people fall into other groups: keep the salt for as long as the groups are to stay the
    same, as in a campaign of several messages, and take a new one for each test, so that nobody is in the group
    without a message each time. The order in which the groups are named does not matter.

    :param shares: the share of each group. Unit: share of the people. Example: ``{"a": 0.45, "b": 0.45,
        "holdout": 0.1}``.
    :param salt: a text that names the test; not shown in the repr. Example: ``"spring-2027"``.
    :raises ConfigurationError: fewer than two groups, a name that is no short word, a share that is not between 0 and
        1, shares that do not add up to 1, or no salt.
    """

    shares: Mapping[str, float]
    salt: str = field(kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.salt, str) or not self.salt.strip():
            raise ConfigurationError(
                "a split needs a salt",
                advice='Name the test, such as salt="spring-2027"; keep it while it lasts.',
            )
        _check(self.shares)
        # In the order of the names, so that another order in the DAG file moves nobody.
        object.__setattr__(self, "shares", {name: float(self.shares[name]) for name in sorted(self.shares)})

    def __hash__(self) -> int:
        return hash((tuple(self.shares.items()), self.salt))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the groups, sorted."""
        return tuple(self.shares)

    def group(self, number: str) -> str:
        """
        Return the group of one number.

        :param number: its digits with the country code, as
            :func:`~airflow_provider_aliyunsms.audience.phone_numbers.with_country_code` returns them.
        """
        return self.groups([number])[0]

    def groups(self, numbers: Sequence[str]) -> list[str]:
        """Return the group of each number, see :meth:`group`."""
        names, bounds = self.names, self._bounds()
        fresh = hashlib.blake2b(digest_size=8, key=self._key(), person=DIVIDED_BY).copy
        digests = []
        for number in numbers:
            one = fresh()
            one.update(number.encode("utf-8", "surrogatepass"))
            digests.append(one.digest())
        hashes = struct.unpack(f">{len(digests)}Q", b"".join(digests))
        return [names[bisect_right(bounds, each)] for each in hashes]

    def fingerprint(self) -> str:
        """Return a hash of the split: two splits with the same one put everybody into the same group."""
        facts = repr([*self.shares.items()]).encode()
        return hashlib.blake2b(facts, digest_size=8, key=self._key(), person=DIVIDED_BY).hexdigest()

    def _bounds(self) -> list[int]:
        """Return for each group but the last the first hash that is not in it any more."""
        sums = accumulate(Fraction(share) for share in self.shares.values())
        return [int(each * _ALL) for each in sums][:-1]

    def _key(self) -> bytes:
        return hashlib.blake2b(self.salt.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _check(shares: object) -> None:
    if not isinstance(shares, Mapping) or len(shares) < len(("one", "another")):
        raise ConfigurationError(
            "a split needs at least two groups with their shares", advice='For example {"a": 0.5, "b": 0.5}.'
        )
    for name, share in shares.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(
                "a group of a split has a name that is no short word",
                advice="Begin with a letter; up to 32 letters, digits, - and _ follow.",
            )
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise ConfigurationError(
                f"the share of the group {name} must be a number between 0 and 1",
                advice="Write 0.1 for 10 percent, and leave a group out that nobody is in.",
            )
    total = math.fsum(shares.values())
    if abs(total - 1) > TOLERANCE:
        raise ConfigurationError(
            f"the shares of a split add up to {total:g}, not to 1",
            advice='Name a group for everybody, such as "holdout" for those who get nothing.',
        )

# SPDX-License-Identifier: Apache-2.0
"""
Send different messages to the groups of a split within one campaign, and to some groups none.

The identity of a recipient stays the number, and the group is no part of its content: whatever changes between two
tries, the split or a template, nobody is sent to twice (docs/decisions/split.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.phone_numbers import with_country_codes
from airflow_provider_aliyunsms.audience.recipients import Members
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.split import Split
    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.products import Product


@dataclass(frozen=True, slots=True)
class Groups:
    """
    The groups of one campaign, with what each gets.

    :param split: who is in which group.
    :param product: the API, which tells how it writes numbers.
    :param texts: China: the template code of each group; Globe: its message. A group that is not in it gets nothing.
    :param everybody: such a group counts as one of the others, so that nobody is left out: for copies to own phones.
    :raises ConfigurationError: a text is of a group that the split does not have, or no group has one.
    """

    split: Split
    product: Product
    texts: Mapping[str, str]
    everybody: bool = False

    def __post_init__(self) -> None:
        strange = self.texts.keys() - {*self.split.names}
        if strange:
            raise ConfigurationError(
                f"the split has no group {min(strange)}",
                advice=f"Its groups are {', '.join(self.split.names)}.",
            )
        if not self.texts:
            raise ConfigurationError(
                "no group of the split gets a message", advice="Name what each group gets."
            )

    def of(self, numbers: Sequence[str]) -> list[str]:
        """Return the group of each number, as the rules of the product wrote it."""
        found = self.split.groups(with_country_codes(numbers, product=self.product))
        if not self.everybody:
            return found
        other = min(self.texts)
        return [name if name in self.texts else other for name in found]

    def text(self, numbers: Sequence[str]) -> str:
        """
        Return what the recipients of one call get.

        :raises RuntimeError: they are of several groups, or of one that gets nothing; nothing was sent.
        """
        found = {*self.of(numbers)}
        if len(found) != 1 or not found <= self.texts.keys():
            raise RuntimeError("a chunk holds recipients of several groups, or of one that gets nothing")
        return self.texts[found.pop()]

    def text_or_any(self, number: str) -> str:
        """Return what one number gets; of a group that gets nothing, the text of another one, to be checked only."""
        return self.texts.get(self.of([number])[0]) or self.texts[min(self.texts)]

    def signed(self, signer: str) -> str:
        """
        Return a hash of a signer and of what each group gets.

        In the place of the signer, it tells a later try that a call cannot be repeated as it was made.
        """
        return self._hash(signer)

    def fingerprint(self) -> str:
        """Return a hash of who is in which group and of what each group gets."""
        return self._hash("")

    def _hash(self, signer: str) -> str:
        facts = repr([signer, self.split.fingerprint(), sorted(self.texts.items())])
        return hashlib.blake2b(facts.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()

    def divided(self, members: Members) -> list[tuple[str, Members]]:
        """Return the recipients of each group, those of a group in their order; all at once where there is one."""
        found = self.of(members.numbers)
        names = [*dict.fromkeys(found)]
        if len(names) == 1:
            return [(names[0], members)]
        return [
            (name, members.at([*compress(range(len(found)), [each == name for each in found])]))
            for name in names
        ]

    def batches(self, batches: Iterable[Members], *, size: int) -> Iterator[tuple[str, Members]]:
        """
        Yield recipients by group, in as many whole chunks at a time as there are.

        :param batches: the recipients in the order of the audience.
        :param size: recipients of one chunk.
        """
        waiting: dict[str, Members] = {}
        for batch in batches:
            for name, members in self.divided(batch):
                together = waiting.get(name, Members()).and_then(members)
                whole = len(together) - len(together) % size
                waiting[name] = together.part(whole)
                if whole:
                    yield name, together.part(0, whole)
        for name, members in waiting.items():
            if members:
                yield name, members

    def leave_out(self, spool: Spool) -> int:
        """
        Record of everybody without an outcome whose group gets nothing that they are skipped; return how many.

        Costs a pass over the audience.

        :raises LedgerError: the disk fails.
        """
        count = 0
        for rows in spool.rows(pending=True):
            silent = [name not in self.texts for name in self.of(rows.members.numbers)]
            places = [*compress(rows.places, silent)]
            if places:
                spool.skip(places, code=LocalCode.HOLDOUT.value)
            count += len(places)
        return count

    def results(self, spool: Spool) -> dict[str, dict[str, Any]]:
        """
        Return the outcomes by group, of those who can be sent to; ``pending`` ones count as ``unknown``.

        Costs a pass over the audience.
        """
        found: dict[str, dict[str, Any]] = {}
        for name in self.split.names:
            text = {"template_code": self.texts[name]} if name in self.texts and self._shows_text else {}
            found[name] = {**text, "total": 0, **dict.fromkeys(OUTCOMES, 0)}
        for rows in spool.rows():
            for name, outcome in zip(self.of(rows.members.numbers), rows.outcomes, strict=True):
                found[name]["total"] += 1
                found[name][outcome if outcome in OUTCOMES else "unknown"] += 1
        return found

    @property
    def _shows_text(self) -> bool:
        # The message of the other API is a text that people get, which no XCom shows.
        return not self.product.has_message_ids

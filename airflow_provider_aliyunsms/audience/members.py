# SPDX-License-Identifier: Apache-2.0
"""Some recipients with their keys, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.recipients import Recipient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True, repr=False)
class Members:
    """
    Recipients column by column; iterated over, each comes with its key.

    :param contents: ``Recipient.content`` of each.
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
        """Return a slice of them."""
        return Members(self.keys[start:stop], self.numbers[start:stop], self.contents[start:stop])

    def and_then(self, others: Members) -> Members:
        """Return them followed by others."""
        return Members(
            self.keys + others.keys, self.numbers + others.numbers, self.contents + others.contents
        )

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, Recipient]]) -> Members:
        """Put recipients with their keys into columns."""
        return cls(
            tuple(key for key, _ in pairs),
            tuple(recipient.number for _, recipient in pairs),
            tuple(recipient.content for _, recipient in pairs),
        )

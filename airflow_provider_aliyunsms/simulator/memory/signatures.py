# SPDX-License-Identifier: Apache-2.0
"""Hold the defined signatures, with their approval and their filing with each carrier."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.memory.approvals import Approval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.simulator.numbers import Carrier

MOST_SIGNATURES = 1000
LONGEST_SIGNATURE = 64

CARRIERS: Final[tuple[Carrier, ...]] = ("mobile", "unicom", "telecom")


class Filing(StrEnum):
    """The state of a signature's real-name filing with one carrier."""

    FILED = "filed"
    UNVERIFIED = "filed but unverified"
    FILING = "filing"
    FAILED = "failed"
    LAPSED = "lapsed"
    NOT_FILED = "not filed"

    @property
    def lets_through(self) -> bool:
        """Whether the carrier delivers messages under the signature."""
        return self in (Filing.FILED, Filing.UNVERIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """
    One signature of the account.

    :param carriers: the filing with each carrier; a carrier that is not named has filed it.
    """

    status: Approval = Approval.APPROVED
    carriers: Mapping[Carrier, Filing] = field(default_factory=dict)

    def filing(self, carrier: Carrier) -> Filing:
        """Return the filing with one carrier."""
        return self.carriers.get(carrier, Filing.FILED)


_FIRST: Final = {"阿里云": Signature()}


class Signatures:
    """Hold the defined signatures by name; at the start one, ``阿里云``, approved and filed with all carriers."""

    def __init__(self) -> None:
        self._defined: dict[str, Signature] = dict(_FIRST)

    def define(self, signatures: Mapping[str, Signature]) -> None:
        """Add signatures, or replace those with the same name."""
        self._defined.update(signatures)

    def all(self) -> dict[str, Signature]:
        """Return the defined signatures by name, in the order in which they were first defined."""
        return dict(self._defined)

    def get(self, name: str) -> Signature | None:
        """Return a signature, None when it was not defined."""
        return self._defined.get(name)

    def clear(self) -> None:
        """Return to the one signature of the start."""
        self._defined = dict(_FIRST)

# SPDX-License-Identifier: Apache-2.0
"""What ``matrix.toml`` says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True, slots=True)
class Airflow:
    """
    One supported Airflow.

    :param cut_off: the day its packages are from.
    :param pythons: those it supports.
    :param beside: requirements that must be there, too.
    """

    version: str
    cut_off: str
    pythons: tuple[str, ...]
    beside: tuple[str, ...]

    @property
    def lock(self) -> Path:
        """The resolved versions of its environment."""
        return HERE / f"requirements-{self.version}.lock"


@dataclass(frozen=True, slots=True)
class Matrix:
    """All of them, and the packages that are newer than their cut-off."""

    pythons: tuple[str, ...]
    airflows: tuple[Airflow, ...]
    newer: dict[str, str]

    def choose(self, versions: list[str]) -> tuple[Airflow, ...]:
        """
        Give the named Airflows, all when none is named.

        :param versions: as ``2.11.2`` or ``2.11``.
        :raises SystemExit: for one that is not in the matrix.
        """
        unknown = [name for name in versions if not any(_is(airflow, name) for airflow in self.airflows)]
        if unknown:
            known = ", ".join(airflow.version for airflow in self.airflows)
            raise SystemExit(f"Not in compat/matrix.toml: {', '.join(unknown)}. There are: {known}")
        return tuple(
            airflow
            for airflow in self.airflows
            if not versions or any(_is(airflow, name) for name in versions)
        )

    def oldest(self, pythons: Collection[str]) -> tuple[Airflow, ...]:
        """Give the oldest that runs on one of these Pythons."""
        return next(((airflow,) for airflow in self.airflows if set(airflow.pythons) & set(pythons)), ())


def read() -> Matrix:
    """Read the file."""
    found = tomllib.loads((HERE / "matrix.toml").read_text(encoding="utf-8"))
    airflows = tuple(
        Airflow(
            version=each["version"],
            cut_off=each["cut-off"],
            pythons=tuple(each["pythons"]),
            beside=tuple(each.get("beside", ())),
        )
        for each in found["airflow"]
    )
    return Matrix(pythons=tuple(found["pythons"]), airflows=airflows, newer=found["newer-than-the-cut-off"])


def _is(airflow: Airflow, name: str) -> bool:
    return airflow.version == name or airflow.version.startswith(f"{name}.")

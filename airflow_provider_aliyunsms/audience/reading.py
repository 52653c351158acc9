# SPDX-License-Identifier: Apache-2.0
"""How a file is to be read: what every format needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.rows import OpenBinary
    from airflow_provider_aliyunsms.audience.sources.columns import Columns

Fingerprint = Callable[[str], object]
"""Gives something that differs when a file has changed, or None when nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    How to read one file.

    :param number_field: the column that holds the phone number.
    :param open_binary: opens a path or URI for reading bytes.
    :param fingerprint: asked before and after, so that a file which changes in between is noticed.
    :param columns: the file's names and ours.
    :param encoding: of text files; None for UTF-8.
    """

    number_field: str
    open_binary: OpenBinary
    fingerprint: Fingerprint
    columns: Columns
    encoding: str | None


def no_fingerprint(_path: str) -> None:
    """Tell nothing about a file."""

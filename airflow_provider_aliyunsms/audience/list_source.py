# SPDX-License-Identifier: Apache-2.0
"""Rows of a list, as a task hands it over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_aliyunsms.audience.rows import Row
from airflow_provider_aliyunsms.exceptions import AudienceError


def read_list(items: Iterable[Any], *, number_field: str) -> Iterator[Row]:
    """
    One row for each item: a phone number as text, or a mapping with the documented keys.

    :raises AudienceError: for an item of another type.
    """
    for position, item in enumerate(items, start=1):
        if isinstance(item, str):
            values: Mapping[str, Any] = {number_field: item}
        elif isinstance(item, Mapping):
            values = item
        else:
            msg = f"Row {position} is of type {type(item).__name__}; it must be text or a mapping."
            raise AudienceError(msg, row=position)
        yield Row(number=position, values=values, flat=False, number_field=number_field)

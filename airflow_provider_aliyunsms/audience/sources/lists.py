# SPDX-License-Identifier: Apache-2.0
"""Read the items of a list, as a task was given it, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.rows import Row
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.sources.columns import Columns


def read_list(items: Iterable[Any], *, number_field: str, columns: Columns) -> Iterator[Row]:
    """
    Yield one row for each item: a phone number as text, or a mapping with the documented keys.

    In a lazy sequence, such as the collected results of a mapped task, an item may itself be a list of such items.
    Only one of these lists is held in memory at a time.

    :param number_field: the key that holds the phone number, ``phone_number`` or ``to``.
    :param columns: the mapping of the items' keys to field names.
    :raises AudienceError: for an item of another type, such as the tuples of a query's result.
    """
    for position, item in enumerate(_flat(items), start=1):
        if isinstance(item, str):
            values: Mapping[str, Any] = {number_field: item}
        elif isinstance(item, Mapping):
            values = _renamed(item, columns=columns, row=position)
        else:
            msg = f"Row {position} is of type {type(item).__name__}; it must be text or a mapping."
            raise AudienceError(msg, row=position, advice="make each row a mapping with named keys.")
        yield Row(number=position, values=values, flat=False, number_field=number_field)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    # A plain list of lists is mostly the result of a query. It is not flattened, because each of its cells would then
    # be taken for a recipient.
    lazy = isinstance(items, Sequence) and not isinstance(items, list | tuple)
    for item in items:
        if lazy and isinstance(item, list):
            yield from item
        else:
            yield item


def _renamed(item: Mapping[str, Any], *, columns: Columns, row: int) -> Mapping[str, Any]:
    try:
        return columns.renamed(item)
    except AudienceError as error:
        error.row = row
        error.message = f"Row {row}: {error.message}"
        raise

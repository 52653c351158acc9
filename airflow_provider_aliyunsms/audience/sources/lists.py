# SPDX-License-Identifier: Apache-2.0
"""Read the items of a list, as a task was given it, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.rows import CellColumns, Row, RowBlock, TableBlock, in_blocks
from airflow_provider_aliyunsms.audience.sources.frames import is_frame, read_frame
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.sources.columns import Columns


def read_list(items: Iterable[Any], *, columns: Columns, facts: SourceFacts) -> Iterator[Block]:
    """
    Yield the items in blocks: each is a phone number as text or whole number, or a mapping with the documented keys.

    In a lazy sequence, such as the collected results of a mapped task, an item may itself be a list of such items, or
    a data frame. Only one of these is held in memory at a time.

    :param columns: the mapping of the items' keys to field names. If it names the variables, these are keys of the
        items beside the documented ones.
    :raises AudienceError: for an item of another type, such as the tuples of a query's result.
    """
    facts.format = "list"

    def block(rows: list[Any], first: int) -> Block:
        return _table(rows, first, columns=columns) or _block(rows, first, columns=columns)

    for given, start in in_blocks(_flat(items, columns), lambda some, first: (some, first)):
        table = _plain_table(given, start, columns=columns)
        if table is not None:
            yield table
        else:
            yield from in_blocks(_checked(given, start, columns=columns), block, first=start)


def _plain_table(items: list[Any], first: int, *, columns: Columns) -> TableBlock | None:
    """Return items that are all texts, or all mappings of which none is renamed, as a table; None for others."""
    kinds = {*map(type, items)}
    if kinds == {str}:
        return TableBlock(
            names=(columns.number_field,),
            records=CellColumns([items]),
            first=first,
            number_field=columns.number_field,
        )
    plain = kinds == {dict} and columns.leaves_alone(items[0])
    return _table(items, first, columns=columns) if plain else None


def _checked(items: Iterable[Any], first: int, *, columns: Columns) -> Iterator[Any]:
    """Yield a mapping by field name for each item, or a :class:`Row` for a row of a table."""
    for position, item in enumerate(items, start=first):
        if isinstance(item, Mapping):
            yield _renamed(item, columns=columns, row=position)
        elif _is_number(item):
            yield {columns.number_field: item}
        elif isinstance(item, Row):
            yield item
        else:
            raise _wrong_type(item, row=position)


def _table(rows: Sequence[Any], first: int, *, columns: Columns) -> TableBlock | None:
    """
    Return rows with the same keys as a table, which is checked by whole columns; None for others.

    In a table each column that is no field is a variable. Here that holds only if the variables were named. A column
    whose name is no text has no use in a table, while a row with such a key is rejected.
    """
    names = tuple(rows[0]) if type(rows[0]) is dict else ()
    if any(type(name) is not str for name in names):
        return None
    if not (columns.are_chosen or columns.are_fields(names)) or {*map(type, rows)} != {dict}:
        return None
    cells = CellColumns.of_dicts(rows, names=names)
    if cells is None:
        return None
    return TableBlock(
        names=names,
        records=cells,
        first=first,
        number_field=columns.number_field,
    )


def _block(rows: Sequence[Any], first: int, *, columns: Columns) -> RowBlock:
    made = []
    for position, values in enumerate(rows, start=first):
        own = values if isinstance(values, Row) else None
        made.append(
            Row(
                number=position,
                values=values if own is None else own.values,
                flat=columns.are_chosen or own is not None,
                number_field=columns.number_field,
            )
        )
    return RowBlock(made)


def _is_number(item: object) -> bool:
    # Floats and their kin too: the rules refuse what is no whole number, and say why.
    return isinstance(item, str | float) or (
        not isinstance(item, bool) and (hasattr(item, "__index__") or hasattr(item, "__float__"))
    )


def _wrong_type(item: object, *, row: int) -> AudienceError:
    if is_frame(item):
        return AudienceError(
            f"Row {row} is a {type(item).__name__}: a list of tables is no audience.",
            row=row,
            advice="give one table, or a list of mappings (pandas: .to_dict('records')).",
        )
    if item is None:
        return AudienceError(f"Row {row} is None.", row=row, advice="leave such items out of the list.")
    return AudienceError(
        f"Row {row} is of type {type(item).__name__}; it must be text or a mapping.",
        row=row,
        advice="make each row a mapping with named keys.",
    )


def _flat(items: Iterable[Any], columns: Columns) -> Iterator[Any]:
    # A plain list of lists is mostly the result of a query. It is not flattened, because each of its cells would then
    # be taken for a recipient.
    if not isinstance(items, Sequence) or isinstance(items, list | tuple):
        return iter(items)
    return _flat_lazy(items, columns)


def _flat_lazy(items: Iterable[Any], columns: Columns) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from item
        elif is_frame(item):
            for block in read_frame(item, columns=columns, facts=SourceFacts()):
                yield from (block.row(position) for position in range(len(block)))
        else:
            yield item


def _renamed(item: Mapping[str, Any], *, columns: Columns, row: int) -> Mapping[str, Any]:
    try:
        return columns.renamed(item)
    except AudienceError as error:
        error.row = row
        error.message = f"Row {row}: {error.message}"
        raise

# SPDX-License-Identifier: Apache-2.0
"""
Check whole columns of a table for the China API and write the contents of its rows.

Nearly all rows of an audience are in the usual form. Checking them by the column costs less CPU than row by row,
which matters in a large campaign (docs/performance.md measures the CPU of a whole campaign). A row with any cell in
doubt gets None here and is checked by :meth:`.ChinaRules.prepare`. Both ways must give the same contents, because
recipient keys are hashes of them.
"""

from __future__ import annotations

from itertools import compress, repeat
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.content import json_text
from airflow_provider_aliyunsms.audience.phone_numbers import mainland_number
from airflow_provider_aliyunsms.audience.rows import CellColumns
from airflow_provider_aliyunsms.audience.rules.values import is_clean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

_MAINLAND_LENGTH = 11
# More digits than any phone number has; a whole number above it is checked by its row.
_TOO_LARGE = 10**17


def inner_columns(cells: Sequence[Any] | None) -> tuple[dict[str, Sequence[Any]], Collection[bool]]:
    """
    Return the cells of a column of objects as columns of their own, by key, and which of the rows are in them.

    :param cells: ``template_param`` of each row; None when the table has no such column.
    :returns: the rows that are left out have other keys than the first object, or no object. Their cells are None.
    """
    if cells is None:
        return {}, ()
    first = next((cell for cell in cells if type(cell) is dict), {})
    names = tuple(first)
    columns = CellColumns.of_dicts(cells, names=names) if {*map(type, cells)} == {dict} else None
    if columns is not None:
        return dict(zip(names, columns.columns, strict=True)), ()
    alike = [type(cell) is dict and tuple(cell) == names for cell in cells]
    absent = (None,) * len(names)
    rows = (tuple(cell.values()) if one else absent for cell, one in zip(cells, alike, strict=True))
    return dict(zip(names, zip(*rows, strict=True), strict=True)), alike


def whole_as_text(cells: Sequence[Any]) -> Sequence[Any]:
    """Return the cells with whole numbers written as text, as :func:`.variable_text` writes them."""
    if int not in {*map(type, cells)}:
        return cells
    return [str(cell) if type(cell) is int and 0 <= cell < _TOO_LARGE else cell for cell in cells]


def mainland_numbers(cells: Sequence[Any]) -> list[str | None]:
    """Return the canonical number of each cell that is a mainland mobile number, None for every other cell."""
    texts = cells if _all_texts(cells) else ["" if type(cell) is not str else cell for cell in cells]
    joined = "".join(texts)
    # One check for all: each is eleven ASCII digits, the first of them 1 and the second 3 to 9.
    if (
        joined.isascii()
        and joined.isdigit()
        and {*map(len, texts)} == {_MAINLAND_LENGTH}
        and {*joined[::_MAINLAND_LENGTH]} == {"1"}
        and {*joined[1::_MAINLAND_LENGTH]}.isdisjoint("012")
    ):
        return list(texts)
    return [mainland_number(text) for text in texts]


def usual_texts(cells: Sequence[Any], *, longest: int) -> list[bool]:
    """
    Return for each cell whether it is text that needs no change: not blank, not too long, no blanks around it.

    :param longest: the largest number of characters allowed.
    """
    if _all_texts(cells) and all(cells) and max(map(len, cells)) <= longest:
        together = "".join(cells)
        # Of the blanks, clean text can have the one of ASCII only.
        if is_clean(together) and (" " not in together or _have_no_blank_ends(cells)):
            return [True] * len(cells)
    return [
        type(cell) is str
        and 0 < len(cell) <= longest
        and is_clean(cell)
        and not (cell[0].isspace() or cell[-1].isspace())
        for cell in cells
    ]


def _have_no_blank_ends(cells: Sequence[str]) -> bool:
    # Quick to compare: strip returns the text itself if there is nothing to strip.
    return [*map(str.strip, cells)] == [*cells]


def heads_of(
    signs: Sequence[Any], codes: Sequence[Any], *, head: Callable[[str | None, str | None], str | None]
) -> list[str | None]:
    """
    Return the part of each row's content that stands before the variables; None for rows that must be checked singly.

    :param signs: the signature cell of each row.
    :param codes: the extension code cell of each row.
    :param head: makes that part from a signature and a code; called once for each different pair of them.
    """
    # The usual case: the table has neither column, and both are the same cells of None.
    if signs is codes:
        return [head(None, None)] * len(signs)
    # Only text and None: as keys of the dictionary below, 1, 1.0 and True would be one and the same.
    if not {*map(type, signs), *map(type, codes)} <= {str, type(None)}:
        return [None] * len(signs)
    made = {pair: head(*pair) for pair in {*zip(signs, codes, strict=True)}}
    if len(made) == 1:
        return [*made.values()] * len(signs)
    return [made[pair] for pair in zip(signs, codes, strict=True)]


def contents_of(
    heads: Sequence[str | None],
    *,
    columns: Mapping[str, Sequence[str]],
    constants: Mapping[str, str],
    usual: Sequence[Collection[bool]],
) -> list[str | None]:
    """
    Return the content of each row; None for a row whose head is missing or that has a cell in doubt.

    :param heads: the part of each content before the variables, see :func:`heads_of`.
    :param columns: the cells of each variable, by its name.
    :param constants: the text of each variable that is the same for all rows, by its name.
    :param usual: for each column in the order of ``columns``, which of its cells can be sent as they are.
    """
    good: Sequence[bool] = [head is not None for head in heads]
    for flags in usual:
        if not all(flags):
            good = [one and other for one, other in zip(good, flags, strict=True)]
    if all(good):
        return [*_written(heads, columns=columns, constants=constants)]
    some = {name: [*compress(cells, good)] for name, cells in columns.items()}
    written = _written([*compress(heads, good)], columns=some, constants=constants)
    return [next(written) if one else None for one in good]


def _written(
    heads: Sequence[str | None], *, columns: Mapping[str, Sequence[str]], constants: Mapping[str, str]
) -> Iterator[str]:
    """Yield the content of each row; all of them have a head, and cells that can be sent as they are."""
    # The texts of a row one after another, each as the iterator over it in all rows.
    pieces: list[Iterable[Any]] = [heads]
    between = "{"
    # In alphabetical order, as content.write_content writes them: another order would change the recipient keys.
    for name in sorted({*columns, *constants}):
        between += f"{json_text(name)}:"
        if name in constants:
            between += f"{json_text(constants[name])},"
            continue
        cells = columns[name]
        together = "".join(cells)
        # No text that can be sent has other characters that JSON writes in another way.
        is_plain = '"' not in together and "\\" not in together
        quote = '"' if is_plain else ""
        pieces += [repeat(f"{between}{quote}", len(heads)), cells if is_plain else map(json_text, cells)]
        between = f"{quote},"
    end = f"{between.removesuffix(',')}}}}}"
    return map("".join, zip(*pieces, repeat(end, len(heads)), strict=True))


def _all_texts(cells: Sequence[Any]) -> bool:
    return {*map(type, cells)} == {str}

# SPDX-License-Identifier: Apache-2.0
"""The rows of a table for the China API in which nothing is remarkable, as nearly all are: a column at a time."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.content import json_text
from airflow_provider_aliyunsms.audience.phone_numbers import mainland_number
from airflow_provider_aliyunsms.audience.rules.values import has_broken_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

_FIRST_MAINLAND, _LAST_MAINLAND, _MAINLAND_LENGTH = "13", "2", 11


def mainland_numbers(cells: Sequence[Any]) -> list[str | None]:
    """Return the canonical number of each cell that is a mainland mobile in one of its usual forms."""
    texts = cells if _all_texts(cells) else ["" if type(cell) is not str else cell for cell in cells]
    joined = "".join(texts)
    if (
        joined.isascii()
        and joined.isdigit()
        and {*map(len, texts)} == {_MAINLAND_LENGTH}
        and min(texts) >= _FIRST_MAINLAND
        and max(texts) < _LAST_MAINLAND
    ):
        return list(texts)
    return [mainland_number(text) for text in texts]


def usual_texts(cells: Sequence[Any], *, longest: int) -> list[bool]:
    """Return which cells are text that may travel as it is: neither blank, nor too long, nor broken."""
    if (
        _all_texts(cells)
        and len(max(cells, key=len)) <= longest
        and all(map(str.strip, cells))
        and not has_broken_characters("".join(cells))
    ):
        return [True] * len(cells)
    return [
        type(cell) is str and len(cell) <= longest and bool(cell.strip()) and not has_broken_characters(cell)
        for cell in cells
    ]


def heads_of(
    signs: Sequence[Any], codes: Sequence[Any], *, head: Callable[[str | None, str | None], str | None]
) -> list[str | None]:
    """Return the beginning of each row's content, made once for all rows that have the same one."""
    # Numbers are left out: 1, 1.0 and True would pass for one and the same.
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
    Return each row's content, None where a head is missing or a cell is not usual.

    :param columns: variables by name.
    :param constants: variables that are the same for all rows.
    :param usual: for each column, which of its cells are.
    """
    parts = []
    for name in sorted({*columns, *constants}):
        value = "%s" if name in columns else _literal(json_text(constants[name]))
        parts.append(f"{_literal(json_text(name))}:{value}")
    form = f"%s{{{','.join(parts)}}}}}"
    good = [head is not None for head in heads]
    for flags in usual:
        if False in flags:
            good = [one and other for one, other in zip(good, flags, strict=True)]
    cells = [columns[name] for name in sorted(columns)]
    if False not in good:
        return [form % row for row in zip(heads, *(map(json_text, cell) for cell in cells), strict=True)]
    rows = zip(compress(heads, good), *(map(json_text, compress(cell, good)) for cell in cells), strict=True)
    return [form % next(rows) if one else None for one in good]


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _all_texts(cells: Sequence[Any]) -> bool:
    return {*map(type, cells)} == {str}

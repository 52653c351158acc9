# SPDX-License-Identifier: Apache-2.0
"""
Reduce template fields to a description without personal data before Airflow shows them.

Every user who may see a DAG sees its "Rendered Templates". So a field shows the number of recipients, masked numbers
and the names of variables, but no whole number, no text and no value. The description of a list or mapping is a list
or mapping too, which Airflow's interface lays out as JSON.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sized
from typing import Any

from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.private import Private, unwrap

SHOWN_NUMBERS = 3
SHOWN_NAMES = 50
HIDDEN = "not shown"

_DIGITS = re.compile(r"\d{5}")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def hide_recipients(value: Any, *, number_field: str, column_mapping: object = None) -> Any:
    """
    Return recipients wrapped so that only their count and the first numbers, masked, are shown.

    The path of a file is returned unchanged.

    :param value: the operator's ``recipients``, wrapped before or not.
    :param number_field: the key of the phone number, ``phone_number`` or ``to``.
    :param column_mapping: the operator's, which may give the phone number another key.
    :returns: a :class:`~airflow_provider_aliyunsms.private.Private`, or the path, or None for None.
    """
    inner = unwrap(value)
    if inner is None or (isinstance(inner, str) and _is_path(inner)):
        return inner
    if isinstance(column_mapping, Mapping):
        number_field = next(
            (theirs for theirs, ours in column_mapping.items() if ours == number_field), number_field
        )
    return Private(inner, description=_people(inner, number_field=number_field))


def hide_values(value: Any) -> Any:
    """Return values wrapped so that only the names of a mapping or the number of a list's items are shown."""
    inner = unwrap(value)
    if inner is None:
        return None
    if isinstance(inner, Mapping):
        return Private(inner, description=_names(inner))
    if isinstance(inner, Sized) and not isinstance(inner, str):
        return Private(inner, description=[f"{_count(len(inner), 'value')}, {HIDDEN}"])
    return Private(inner, description=_text(inner))


def hide_text(value: Any) -> Any:
    """Return a text wrapped so that only its length and the names of its placeholders are shown."""
    inner = unwrap(value)
    return None if inner is None else Private(inner, description=_text(inner))


def hide_query(value: Any) -> Any:
    """Return a query wrapped so that its literals, its comments and its long numbers are not shown."""
    inner = unwrap(value)
    if not isinstance(inner, str):
        return hide_text(inner)
    shown = _without_literals(inner)
    if shown == inner:
        return inner
    return hide_text(inner) if shown is None else Private(inner, description=shown)


def _without_literals(query: str) -> str | None:
    """Return a query with ``***`` for each literal and long number; None when it is not clear where literals end."""
    # Databases differ in whether a backslash escapes a quote.
    if "\\'" in query or '\\"' in query:
        return None
    shown, between, at = [], [], 0
    for part in _SQL_PARTS.finditer(query):
        between.append(query[at : part.start()])
        shown += [between[-1], _shown_part(part)]
        at = part.end()
    between.append(query[at:])
    return None if _QUOTE.search("".join(between)) else "".join([*shown, between[-1]])


def _shown_part(part: re.Match[str]) -> str:
    text = part[0]
    match part.lastgroup:
        case "comment":
            return " "
        case "number":
            return text if len(_DIGIT.findall(text)) < _MANY_DIGITS else "***"
        case "name":
            # MySQL takes double quotes for texts, too: only what stands where no text can is shown.
            before = part.string[: part.start()].rstrip().lower()
            is_name = _is_name(text[1:-1]) and (
                before.endswith((" as", "from", "join", ".")) or text[0] == "`"
            )
            return text if is_name else f"{text[0]}***{text[0]}"
        case _:
            return "'***'" if len(text) > len("''") else text


_SQL_PARTS = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/|\#[^\n]*)
    |(?P<text>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<name>"(?:[^"]|"")*"|`[^`]*`)
    |(?P<number>\+?\d[\d\s().\-]*\d)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTE = re.compile(r"""['"`]|\$\w*\$""")
_DIGIT = re.compile(r"\d")
_MANY_DIGITS = 5


def _is_path(value: str) -> bool:
    # Imported here, because a DAG file that imports an operator must not load the readers of the audience.
    from airflow_provider_aliyunsms.audience.sources import FILE_ENDINGS

    return value.lower().removesuffix(".gz").endswith(FILE_ENDINGS)


def _people(value: Any, *, number_field: str) -> str | list[str]:
    if isinstance(value, str):
        return _text(value)
    if (isinstance(value, os.PathLike) or hasattr(value, "as_uri")) and _is_path(str(value)):
        return str(value)
    if not isinstance(value, list | tuple):
        # For example the lazy list of a mapped task's results, which must not be fetched for a description.
        return f"recipients, {HIDDEN}"
    if any(isinstance(each, list | tuple) for each in value[:SHOWN_NUMBERS]):
        return f"{_count(len(value), 'list')} of recipients, {HIDDEN}"
    numbers = [
        each.get(number_field) if isinstance(each, Mapping) else each for each in value[:SHOWN_NUMBERS]
    ]
    more = len(value) - len(numbers)
    return [
        f"{_count(len(value), 'recipient')}, texts and variables {HIDDEN}",
        *(mask_number(str(number)) for number in numbers),
        *([f"and {more} more"] if more else []),
    ]


def _names(values: Mapping[Any, Any]) -> dict[str, str]:
    names = [str(name) for name in values]
    shown = [name for name in names if _is_name(name)][:SHOWN_NAMES]
    more = len(names) - len(shown)
    return dict.fromkeys(shown, HIDDEN) | ({f"and {more} more": HIDDEN} if more else {})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return HIDDEN
    names = [name for name in dict.fromkeys(_PLACEHOLDER.findall(value)) if _is_name(name)][:SHOWN_NAMES]
    found = f" with {', '.join(f'${{{name}}}' for name in names)}" if names else ""
    return f"text of {_count(len(value), 'character')}{found}, {HIDDEN}"


def _is_name(text: str) -> bool:
    # A key may hold data instead of a name, such as a phone number; that must not be shown.
    return text.isidentifier() and not _DIGITS.search(text)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

# SPDX-License-Identifier: Apache-2.0
"""Map the column names of a source to field names and check the header of a table once for all its rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from airflow_provider_aliyunsms.audience.facts import LEFT_OUT, VARIABLE, ColumnFact, SourceFacts
from airflow_provider_aliyunsms.audience.fields import (
    PHONE_NUMBER,
    clean_name,
    known_fields,
    our_name,
)
from airflow_provider_aliyunsms.audience.rows import CellColumns, TableBlock, field_label, is_missing
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

ColumnMapping = Mapping[str, str | None]

# The names under which pandas writes a column that had none, and the index that it writes beside the columns.
_NAMELESS = re.compile(r"(?:Unnamed: [0-9]+(?:_level_[0-9]+)?)?")
_STORED_INDEX = re.compile(r"__index_level_[0-9]+__")
_INDEX = re.compile(r"[0-9]+")
_INDEX_USE = f"{LEFT_OUT}: the index of a data frame"
_NAMELESS_USE = f"{LEFT_OUT}: it has no name and is empty"


class Columns:
    """
    Map the column names of a source to field names (``phone_number``, a variable's name, ...).

    A name that differs from a field in case, blanks, hyphens or underscores only is that field.

    :param mapping: the field name for each name of the source (the operator's ``column_mapping``); None as the field
        name leaves the column out. Columns that are not named here keep their names.
    :param only: the columns that are variables, by their name in the source or their field name (the operator's
        ``columns``); other variables are left out. None for all.
    :ivar number_field: the field of the phone number, which tells the product's fields; see :meth:`of`.
    :raises ConfigurationError: when one of them has the wrong form, or the mapping has a field name twice.
    """

    def __init__(
        self,
        mapping: ColumnMapping | None = None,
        *,
        only: Collection[str] | None = None,
    ) -> None:
        self._mapping = {} if mapping is None else _checked(mapping)
        self._only = None if only is None else _checked_names(only)
        self.number_field = PHONE_NUMBER
        self._fields = known_fields(PHONE_NUMBER)
        # The field of each name met so far: the rows of a list have the same few names over and over.
        self._known: dict[Any, str | None] = {}
        self._unchanged: tuple[Any, ...] | None = None

    def of(self, number_field: str) -> Columns:
        """Return the same mapping for the product with this field of the phone number, ``phone_number`` or ``to``."""
        made = copy(self)
        made.number_field, made._fields, made._known = number_field, known_fields(number_field), {}
        made._unchanged = None
        return made

    @property
    def are_chosen(self) -> bool:
        """Whether the variables were named, so that every other column is left out."""
        return self._only is not None

    def field(self, name: str) -> str | None:
        """Return the field name of a column; None when the column is left out."""
        clean = clean_name(name)
        for theirs in (name, clean, "" if _NAMELESS.fullmatch(clean) else name):
            if theirs in self._mapping:
                ours = self._mapping[theirs]
                break
        else:
            ours = our_name(clean, fields=self._fields)
            if ours not in self._fields and _STORED_INDEX.fullmatch(ours):
                return None
        if ours is None or ours in self._fields or self._only is None:
            return ours
        return ours if {ours, name, clean} & self._only else None

    def use(self, name: str, field: str | None) -> str:
        """Return what a column is used for, in words; see :class:`.ColumnFact`."""
        if field is None:
            return _INDEX_USE if _STORED_INDEX.fullmatch(name) else LEFT_OUT
        if field in self._fields:
            return field
        return VARIABLE if field == name else f"{VARIABLE} {field_label(field)}"

    def missing(self, names: Collection[str]) -> tuple[str, str] | None:
        """Return the first column that a parameter names and the source lacks, and the parameter; else None."""
        for theirs in self._mapping:
            if theirs not in names and not (theirs == "" and any(map(_NAMELESS.fullmatch, names))):
                return theirs, "column_mapping"
        if self._only is not None:
            there = {*names, *(self.field(name) for name in names)}
            for name in self._only:
                if name not in there:
                    return name, "columns"
        return None

    def finds_number(self, names: Collection[str]) -> bool:
        """Return whether one of the columns is the phone number."""
        return not {self.number_field, PHONE_NUMBER}.isdisjoint(self.field(name) for name in names)

    def renamed(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Return one row's values by field name; a mapped name may be missing from a row.

        :raises AudienceError: when two values of the row would have the same field name.
        """
        # Nearly all rows have the keys of the row before, and nothing in them is renamed.
        keys = tuple(values)
        if keys == self._unchanged:
            return values
        found: dict[str, Any] = {}
        changed = False
        for theirs, value in values.items():
            ours = self._field_of_key(theirs)
            changed = changed or ours != theirs
            if ours is None:
                continue
            if ours in found:
                label = field_label(ours)
                msg = f"The row has '{label}' twice once the names of its columns are mapped."
                raise AudienceError(msg, field=label)
            found[ours] = value
        if changed:
            return found
        self._unchanged = keys
        return values

    def leaves_alone(self, row: Mapping[str, Any]) -> bool:
        """Return whether :meth:`renamed` would change nothing in this row, or in another one with the same names."""
        try:
            return self.renamed(row) is row
        except AudienceError:
            # The caller meets it again where it reads the rows one by one, and knows the row.
            return False

    def are_fields(self, names: Iterable[Any]) -> bool:
        """Return whether all of these names are fields of a recipient that are no template variables."""
        return self._fields.issuperset(names)

    def _field_of_key(self, key: Any) -> Any:
        if not isinstance(key, str):
            return key
        if key not in self._known:
            if len(self._known) > _MOST_NAMES:
                self._known.clear()
            self._known[key] = self.field(key)
        return self._known[key]


_MOST_NAMES = 10_000


class Table:
    """
    Make blocks of rows from records that share one header.

    :param names: the column names as the source has them.
    :param columns: the mapping of these names to field names.
    :param place: the place of the names as an error calls it, such as ``header row``.
    :param facts: takes the columns, and a column that is left out on the way.
    :ivar width: the number of columns.
    :ivar number_position: the position of the column of the phone number.
    :raises AudienceError: when the column of the phone number or a mapped column is missing, or when two columns have
        the same name.
    """

    def __init__(
        self, names: Sequence[str], *, columns: Columns, place: str, facts: SourceFacts | None = None
    ) -> None:
        self._place = place
        self._columns = columns
        self._facts = SourceFacts() if facts is None else facts
        self._nameless: list[int] = []
        self._names = self._checked_names(names)
        self._facts.columns = self._column_facts(names)
        self.width = len(self._names)
        number_field = columns.number_field
        self.number_position = self._names.index(
            number_field if number_field in self._names else PHONE_NUMBER
        )

    @property
    def fields(self) -> Sequence[str | None]:
        """The field name of each column; None for one that is left out."""
        return self._names

    def block(
        self, records: Sequence[Sequence[Any]] | CellColumns, first: int, lines: Sequence[int] | None
    ) -> TableBlock:
        """
        Return a block of rows made from their cells.

        :param records: the cells of each row, exactly :attr:`width` of them.
        :param first: the number of the first row, counted from 1.
        :param lines: the line of each row; None when the source has none.
        :raises AudienceError: when a column without a name holds values and is not the index of a data frame.
        """
        for position in self._nameless:
            self._check_nameless([record[position] for record in records], position, first, lines)
        return TableBlock(
            names=self._names,
            records=records,
            first=first,
            number_field=self._columns.number_field,
            lines=lines,
        )

    def _checked_names(self, names: Sequence[str]) -> list[str | None]:
        missing = self._columns.missing([clean_name(name) for name in names] + [*names])
        if missing is not None:
            raise self._missing(field_label(missing[0]), f"It is named in {missing[1]}.")
        ours: list[str | None] = []
        for position, name in enumerate(names):
            field = self._columns.field(name)
            if field is not None and _NAMELESS.fullmatch(field):
                self._nameless.append(position)
                field = None
            ours.append(field)
        # This check must come before the checks that show a name from the file: in a file without a header the
        # first row is data, and no error may show it.
        number_field = self._columns.number_field
        if number_field not in ours and PHONE_NUMBER not in ours:
            raise self._missing(
                number_field,
                "name the columns in the first row, separated by comma, semicolon, tab or |, or use column_mapping.",
            )
        for field, times in Counter(ours).items():
            if field is not None and times > 1:
                label = field_label(field)
                msg = f"The {self._place} has the column '{label}' twice."
                raise AudienceError(
                    msg, field=label, advice="rename one, or leave one out with column_mapping."
                )
        return ours

    def _column_facts(self, names: Sequence[str]) -> list[ColumnFact]:
        return [
            ColumnFact(
                field_label(clean_name(name)) or f"column {position}",
                _NAMELESS_USE if position - 1 in self._nameless else self._columns.use(name, field),
            )
            for position, (name, field) in enumerate(zip(names, self._names, strict=True), start=1)
        ]

    def _check_nameless(
        self, cells: Sequence[Any], position: int, first: int, lines: Sequence[int] | None
    ) -> None:
        if all(map(is_missing, cells)):
            return
        # The first column of a file that pandas wrote with its index.
        if position == 0 and all(is_missing(cell) or _is_index(cell) for cell in cells):
            self._facts.columns[0] = ColumnFact(self._facts.columns[0].name, _INDEX_USE)
            return
        at = next(place for place, cell in enumerate(cells) if not is_missing(cell))
        where = f"row {first + at}" if lines is None else f"row {first + at} (line {lines[at]})"
        msg = f"Column {position + 1} has no name in the {self._place}, and holds a value in {where}."
        raise AudienceError(
            msg,
            row=first + at,
            advice='name it, or leave it out with column_mapping={"": None}; a comma in a text without quotes also '
            "makes one cell too many. pandas writes without its index with index=False.",
        )

    def _missing(self, label: str, advice: str) -> AudienceError:
        return AudienceError(f"The {self._place} has no column '{label}'.", field=label, advice=advice)


def _is_index(cell: object) -> bool:
    if isinstance(cell, str):
        return _INDEX.fullmatch(cell.strip()) is not None
    return isinstance(cell, int) and not isinstance(cell, bool)


def _checked(mapping: object) -> dict[str, str | None]:
    if not isinstance(mapping, Mapping) or not all(
        isinstance(theirs, str) and (ours is None or (isinstance(ours, str) and ours.strip() == ours != ""))
        for theirs, ours in mapping.items()
    ):
        msg = "column_mapping must map the source's column names to ours, or to None to leave a column out"
        raise ConfigurationError(msg, advice='For example {"mobile": "phone_number", "remark": None}.')
    ours_given = [ours for ours in mapping.values() if ours is not None]
    if len(set(ours_given)) < len(ours_given):
        raise ConfigurationError("column_mapping gives two columns the same name")
    return dict(mapping)


def _checked_names(names: object) -> frozenset[str]:
    if (
        isinstance(names, str | Mapping)
        or not isinstance(names, Collection)
        or not all(isinstance(name, str) and name.strip() for name in names)
    ):
        msg = "columns must be a list of the names of the columns that are variables"
        raise ConfigurationError(msg, advice='For example ["name", "amount"].')
    return frozenset(names)

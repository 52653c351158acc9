# SPDX-License-Identifier: Apache-2.0
"""Map the column names of a source to field names and check the header of a table once for all its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_aliyunsms.audience.rows import PHONE_NUMBER, TableBlock, field_label
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

ColumnMapping = Mapping[str, str | None]


class Columns:
    """
    Map the column names of a source to field names (``phone_number``, a variable's name, ...).

    :param mapping: the field name for each name of the source (the operator's ``column_mapping``); None as the field
        name leaves the column out. Columns that are not named here keep their names.
    :raises ConfigurationError: when it is no such mapping, or has a field name twice.
    """

    def __init__(self, mapping: ColumnMapping | None = None) -> None:
        self._mapping = {} if mapping is None else _checked(mapping)

    @property
    def given(self) -> Mapping[str, str | None]:
        """The checked mapping; empty when none was given."""
        return self._mapping

    def renamed(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Return one row's values by field name; a mapped name may be missing from a row.

        :raises AudienceError: when two values of the row would have the same field name.
        """
        if not self._mapping:
            return values
        found: dict[str, Any] = {}
        for theirs, value in values.items():
            ours = self._mapping.get(theirs, theirs)
            if ours is None:
                continue
            if ours in found:
                label = field_label(ours)
                msg = f"The row has '{label}' twice once column_mapping is applied."
                raise AudienceError(msg, field=label)
            found[ours] = value
        return found


class Table:
    """
    Make blocks of rows from records that share one header.

    :param names: the column names as the source has them.
    :param columns: the mapping of these names to field names.
    :param number_field: the field name of the phone number, ``phone_number`` or ``to``.
    :param place: the place of the names as an error calls it, such as ``header row``.
    :ivar width: the number of columns.
    :raises AudienceError: when the column of the phone number or a mapped column is missing, when a column has no
        name, or when two columns have the same name.
    """

    def __init__(self, names: Sequence[str], *, columns: Columns, number_field: str, place: str) -> None:
        self._place = place
        self._names = self._checked_names(names, columns, number_field)
        self._number_field = number_field
        self.width = len(self._names)

    def block(self, records: Sequence[Sequence[Any]], first: int) -> TableBlock:
        """
        Return a block of rows made from their cells.

        :param records: the cells of each row, exactly :attr:`width` of them.
        :param first: the number of the first row, counted from 1.
        """
        return TableBlock(names=self._names, records=records, first=first, number_field=self._number_field)

    def _checked_names(self, names: Sequence[str], columns: Columns, number_field: str) -> list[str | None]:
        for theirs in columns.given:
            if theirs not in names:
                raise self._missing(field_label(theirs), "It is named in column_mapping.")
        ours = [columns.given.get(name, name) for name in names]
        # This check must come before the checks that show a name from the file: in a file without a header the
        # first row is data, and no error may show it.
        if number_field not in ours and PHONE_NUMBER not in ours:
            raise self._missing(
                number_field, "name the columns in the first row, separated by commas, or use column_mapping."
            )
        for position, name in enumerate(ours, start=1):
            if name == "":
                msg = f"Column {position} has no name in the {self._place}."
                raise AudienceError(msg)
        for name, times in Counter(ours).items():
            if name is not None and times > 1:
                label = field_label(name)
                msg = f"The {self._place} has the column '{label}' twice."
                raise AudienceError(msg, field=label)
        return ours

    def _missing(self, label: str, advice: str) -> AudienceError:
        return AudienceError(f"The {self._place} has no column '{label}'.", field=label, advice=advice)


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

# SPDX-License-Identifier: Apache-2.0
"""Column names: theirs made ours, and checked once for a whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_aliyunsms.audience.rows import PHONE_NUMBER, TableBlock, field_label
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

ColumnMapping = Mapping[str, str | None]


class Columns:
    """
    The names a source uses, and ours.

    :param mapping: their name to ours; None as ours leaves the column out.
    :raises ConfigurationError: when it is no such mapping, or gives one of our names twice.
    """

    def __init__(self, mapping: ColumnMapping | None = None) -> None:
        self._mapping = {} if mapping is None else _checked(mapping)

    @property
    def given(self) -> Mapping[str, str | None]:
        """The mapping, as it was checked."""
        return self._mapping

    def renamed(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        One row's values under our names; a mapped name need not be in every row.

        :raises AudienceError: when a new name meets one the row has already.
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
    Makes blocks of rows of cells under one header.

    :param names: the columns as the source names them.
    :param place: what an error calls the source of the names, such as ``header row``.
    :raises AudienceError: when the number's column or a mapped one is missing, or a name is missing or double.
    """

    def __init__(self, names: Sequence[str], *, columns: Columns, number_field: str, place: str) -> None:
        self._place = place
        self._names = self._checked_names(names, columns, number_field)
        self._number_field = number_field
        self.width = len(self._names)

    def block(self, records: Sequence[Sequence[Any]], first: int) -> TableBlock:
        """Some rows; there must be as many cells in each as columns."""
        return TableBlock(names=self._names, records=records, first=first, number_field=self._number_field)

    def _checked_names(self, names: Sequence[str], columns: Columns, number_field: str) -> list[str | None]:
        for theirs in columns.given:
            if theirs not in names:
                raise self._missing(field_label(theirs), "It is named in column_mapping.")
        ours = [columns.given.get(name, name) for name in names]
        # Before other findings, because the first row of a file without a header is somebody's data and must
        # not be shown.
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

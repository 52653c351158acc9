# SPDX-License-Identifier: Apache-2.0
"""Data frames are read as tables, by the column, with their missing values."""

from __future__ import annotations

import datetime
from collections import UserList
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from audience_rows import read_rows

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.exceptions import AudienceError

PEOPLE = {"phone_number": ["13800001234", None, "13900001234"], "name": ["张三", "李四", None]}
FRAMES = {
    "pandas": pd.DataFrame(PEOPLE),
    "pandas with an index": pd.DataFrame(PEOPLE, index=[7, 8, 9]),
    "polars": pl.DataFrame(PEOPLE),
    "arrow table": pa.table(PEOPLE),
    "arrow batch": pa.record_batch(PEOPLE),
    "arrow reader": None,
    "interchange only": None,
    "stream only": None,
}


class StreamOnly:
    """A table of a library nobody has heard of, which hands itself out as Arrow does."""

    columns = ("phone_number", "name")

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.table(PEOPLE).__arrow_c_stream__(requested_schema)


class InterchangeOnly:
    columns = ("phone_number", "name")

    def __dataframe__(self, **more):
        return pa.table(PEOPLE).__dataframe__(**more)


def frame_of(kind):
    if kind == "arrow reader":
        return pa.table(PEOPLE).to_reader()
    if kind == "interchange only":
        return InterchangeOnly()
    return StreamOnly() if kind == "stream only" else FRAMES[kind]


def rows_of(frame, **more):
    return [dict(row.values) for row in read_rows(frame, open_binary=open, **more)]


def known(rows):
    """Leave missing values out, which each library has in its own form."""
    return [{name: value for name, value in row.items() if isinstance(value, str)} for row in rows]


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_gives_its_rows_and_not_its_column_names(kind):
    facts = SourceFacts()
    rows = rows_of(frame_of(kind), facts=facts)
    assert known(rows) == [
        {"phone_number": "13800001234", "name": "张三"},
        {"name": "李四"},
        {"phone_number": "13900001234"},
    ]
    assert [column.use for column in facts.columns] == ["phone_number", "variable"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"phone_number": np.array([13800001234, 13800001235], "float32")}),
        pd.DataFrame({"phone_number": pd.array([13800001234, None], "Float32")}),
        pl.DataFrame({"phone_number": pl.Series([13800001234.0], dtype=pl.Float32)}),
        pa.table({"phone_number": pa.array([1.5e10]).cast(pa.float32(), safe=False)}),
    ],
    ids=["numpy", "nullable", "polars", "arrow"],
)
def test_numbers_in_a_column_of_32_bit_floats_are_refused(frame):
    with pytest.raises(AudienceError, match="32-bit floats"):
        rows_of(frame)


def test_other_columns_of_32_bit_floats_are_read_as_they_were_meant():
    frame = pd.DataFrame({"phone_number": ["1"], "amount": np.array([12.1], "float32")})
    assert rows_of(frame) == [{"phone_number": "1", "amount": Decimal("12.1")}]
    nullable = pd.DataFrame({"phone_number": ["1", "2"], "amount": pd.array([12.1, None], "Float32")})
    assert [row["amount"] for row in rows_of(nullable)] == [Decimal("12.1"), None]


def test_a_frame_larger_than_a_block():
    frame = pd.DataFrame({"phone_number": [13_800_000_000 + n for n in range(5000)]})
    rows = list(read_rows(frame, open_binary=open))
    assert [row.values["phone_number"] for row in rows] == [13_800_000_000 + n for n in range(5000)]
    assert rows[-1].number == 5000


def test_a_frame_without_the_column_shows_no_number():
    # The first number became the header.
    frame = pd.DataFrame([["13900001234"]], columns=["13800001234"])
    with pytest.raises(AudienceError, match="no column 'phone_number'") as caught:
        rows_of(frame)
    assert "13800001234" not in str(caught.value)


def test_columns_with_numbers_as_names_and_with_levels():
    assert rows_of(pd.DataFrame({"phone_number": ["1"], 0: ["x"]})) == [{"phone_number": "1", "0": "x"}]
    levels = pd.DataFrame([["1"]], columns=pd.MultiIndex.from_tuples([("a", "phone_number")]))
    with pytest.raises(AudienceError, match="several levels"):
        rows_of(levels)


def test_a_lazy_frame_says_what_to_do():
    with pytest.raises(AudienceError, match=r"\.collect\(\)"):
        rows_of(pl.LazyFrame(PEOPLE))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["13800001234", "13900001234"]),
        pl.Series(["13800001234", "13900001234"]),
        np.array(["13800001234", "13900001234"]),
    ],
    ids=["pandas", "polars", "numpy"],
)
def test_a_single_column_is_a_list_of_numbers(series):
    assert [row["phone_number"] for row in rows_of(series)] == ["13800001234", "13900001234"]


def test_frames_of_a_mapped_task_are_one_audience():
    frames = UserList([pd.DataFrame(PEOPLE), pd.DataFrame({"phone_number": ["13700001234"]})])
    rows = list(read_rows(frames, open_binary=open))
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert rows[-1].values == {"phone_number": "13700001234"}
    assert rows[0].flat


def test_a_plain_list_of_frames_is_refused():
    with pytest.raises(AudienceError, match="list of tables"):
        rows_of([pd.DataFrame(PEOPLE)])


def test_dates_are_dates():
    frame = pd.DataFrame({"phone_number": ["1"], "day": pd.to_datetime(["2026-01-02"])})
    (row,) = rows_of(frame)
    assert row["day"] == datetime.datetime(2026, 1, 2)  # noqa: DTZ001 - a frame knows no zone

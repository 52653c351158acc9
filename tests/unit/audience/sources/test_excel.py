# SPDX-License-Identifier: Apache-2.0
"""Workbooks: values as they are stored, dates as the cells show them, sheets by name."""

from __future__ import annotations

import datetime
import io

import openpyxl
import pytest
from audience_rows import read_rows

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.rows import CellError
from airflow_provider_aliyunsms.audience.sources.date_formats import shown_date
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

MOMENT = datetime.datetime(2026, 1, 2, 15, 4, 5)  # noqa: DTZ001 - a workbook knows no zone
DAY = datetime.date(2026, 1, 2)


def book_of(rows, *, title="people", more=()):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    for other in more:
        book.create_sheet(other).append(["x"])
    return book


def rows_of(book, **more):
    stream = io.BytesIO()
    book.save(stream)
    return list(read_rows("a.xlsx", open_binary=lambda _path: io.BytesIO(stream.getvalue()), **more))


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (DAY, "yyyy-mm-dd", "2026-01-02"),
        (DAY, 'yyyy"年"m"月"d"日"', "2026年1月2日"),
        (DAY, "yyyy年mm月dd日;@", "2026年01月02日"),
        (DAY, "[$-804]yyyy/m/d", "2026/1/2"),
        (DAY, "d mmm yy", "2 Jan 26"),
        (DAY, "dddd, d mmmm", "Friday, 2 January"),
        (DAY, "aaaa", "星期五"),
        (DAY, r"d\.m\.yyyy", "2.1.2026"),
        (DAY, "mm-dd-yy", "2026-01-02"),
        (DAY, "General", "2026-01-02"),
        (DAY, "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "2026-01-02"),
        (MOMENT, "yyyy-mm-dd hh:mm:ss", "2026-01-02 15:04:05"),
        (MOMENT, "h:mm AM/PM", "3:04 PM"),
        (MOMENT, "上午/下午h:mm", "下午3:04"),
        (MOMENT, "mm:ss.0", "04:05.0"),
        (MOMENT, "m/d/yy h:mm", "2026-01-02 15:04:05"),
        (datetime.time(3, 4), "h:mm", "3:04"),
        (datetime.timedelta(hours=30), "[h]:mm:ss", "30:00:00"),
    ],
)
def test_a_date_is_shown_as_in_the_cell(value, form, shown):
    assert shown_date(value, form) == shown


def test_cells_become_what_they_hold():
    book = book_of([["phone_number", "a", "b", "c"], [13800001234, 0.1 + 0.2, DAY, True]])
    sheet = book.active
    sheet["C2"].number_format = "m月d日"
    sheet.append(["'13800001235", "=1/0", None, 100.0])
    sheet.append([])
    sheet.append([None, " "])
    sheet.append(["13800001236"])
    sheet["B3"].value, sheet["B3"].data_type = "#DIV/0!", "e"
    facts = SourceFacts()
    rows = rows_of(book, facts=facts)
    assert [tuple(row.values.values()) for row in rows] == [
        (13800001234, 0.3, "1月2日", True),
        ("'13800001235", CellError("#DIV/0!"), None, 100),
        ("13800001236", None, None, None),
    ]
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 3), (3, 6)]
    assert facts.details == {"sheet": "people"}


def test_the_only_sheet_that_holds_something_is_read():
    book = book_of([["phone_number"], ["1"]])
    book.create_sheet("empty")
    hidden = book.create_sheet("hidden")
    hidden.append(["x"])
    hidden.sheet_state = "hidden"
    assert [row.values for row in rows_of(book)] == [{"phone_number": "1"}]


def test_of_several_sheets_one_must_be_named():
    book = book_of([["phone_number"], ["1"]], more=["other"])
    with pytest.raises(AudienceError, match="2 sheets that hold something: 'people', 'other'"):
        rows_of(book)
    assert len(rows_of(book, sheet=" people ")) == 1
    with pytest.raises(AudienceError, match="no sheet 'People'"):
        rows_of(book, sheet="People")


def test_a_header_that_does_not_begin_in_the_first_row():
    assert [row.line for row in rows_of(book_of([[], [], ["phone_number"], ["1"]]))] == [4]


def test_without_openpyxl_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-aliyunsms\[excel\]"):
        read_rows("a.xlsx", open_binary=open)


def test_a_workbook_of_several_blocks():
    book = book_of([["phone_number"], *([13_800_000_000 + n] for n in range(4500))])
    rows = rows_of(book)
    assert [row.number for row in rows] == list(range(1, 4501))
    assert rows[-1].line == 4501

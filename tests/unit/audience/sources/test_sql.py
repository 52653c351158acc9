# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
import traceback
from contextlib import contextmanager

import pytest
from audience_rows import rows_of as all_rows

from airflow_provider_aliyunsms.audience.sources.read import Columns
from airflow_provider_aliyunsms.audience.sources.sql import BATCH, query_failed, read_sql
from airflow_provider_aliyunsms.exceptions import AudienceError

SECRET = "13912345678"
MANY = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {2 * BATCH + 9}) "


def rows_of(sql, *, mapping=None, number_field="phone_number", row_factory=None):
    @contextmanager
    def opened():
        connection = sqlite3.connect(":memory:")
        connection.row_factory = row_factory
        try:
            yield connection.execute(sql)
        finally:
            connection.close()

    return all_rows(read_sql(opened, number_field=number_field, columns=Columns(mapping)))


def refused(rows):
    with pytest.raises(AudienceError) as caught:
        list(rows)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_columns_are_those_of_a_file():
    (row,) = rows_of(
        "SELECT 13800001234 AS tel, '张三' AS name, NULL AS city, 1 AS id",
        mapping={"tel": "phone_number", "id": None},
    )
    assert dict(row.values) == {"phone_number": 13800001234, "name": "张三", "city": None}
    assert (row.number, row.flat) == (1, True)


def test_all_batches_come_in_order():
    rows = list(rows_of(MANY + "SELECT i AS phone_number FROM n"))
    assert [row.values["phone_number"] for row in rows] == list(range(2 * BATCH + 10))
    assert rows[-1].number == 2 * BATCH + 10


def test_a_driver_that_gives_more_than_it_was_asked_for():
    class Generous:
        description = (("phone_number",),)

        def __init__(self):
            self.left = [[(number,) for number in range(2 * BATCH + 1)]]

        def fetchmany(self, _size):
            return self.left.pop() if self.left else []

    @contextmanager
    def opened():
        yield Generous()

    found = list(read_sql(opened, number_field="phone_number", columns=Columns(None)))
    assert [len(block) for block in found] == [BATCH, BATCH, 1]
    assert [row.number for row in all_rows(found)] == list(range(1, 2 * BATCH + 2))


def test_an_error_in_mid_stream_says_after_how_many_rows_and_no_value():
    sql = (
        MANY
        + f"SELECT CASE WHEN i = {BATCH + 5} THEN json_extract('{SECRET}', 'x') ELSE i END AS phone_number FROM n"
    )
    error = refused(rows_of(sql))
    assert f"failed after {BATCH} rows: OperationalError (SQLITE_ERROR)" in str(error)


def test_rows_as_dictionaries():
    def factory(cursor, row):
        return {column[0]: cell for column, cell in zip(cursor.description, row, strict=True)}

    (row,) = rows_of("SELECT '1' AS phone_number, 'x' AS a", row_factory=factory)
    assert dict(row.values) == {"phone_number": "1", "a": "x"}


def test_what_is_no_query_and_what_lacks_the_number():
    assert "not a query" in str(refused(rows_of("CREATE TABLE t (a)")))
    error = refused(rows_of(f"SELECT '{SECRET}' AS a"))
    assert "no column 'phone_number'" in str(error)
    assert 'AS "phone_number"' in error.advice
    assert "twice" in str(refused(rows_of("SELECT 1 AS phone_number, 2 AS a, 3 AS a")))


def test_no_rows_is_an_empty_audience():
    assert list(rows_of("SELECT 1 AS phone_number WHERE 0")) == []


def test_what_a_database_says_is_told_in_our_words():
    class DataError(Exception):
        pass

    class UndefinedTable(sqlite3.ProgrammingError):
        pgcode = "42P01"

    unknown = query_failed(UndefinedTable(f'relation "people" does not exist\nLINE 1: {SECRET}'), done=None)
    assert "UndefinedTable (42P01), which means that a table is missing" in str(unknown)
    for text in (
        f"near {SECRET}: syntax error",
        "near '138 0000 1234': syntax error",
        'near "张三": syntax error at or near VALUES (138-0000-1234)',
        "You have an error in your SQL syntax near 'Zhang San' at line 1",
    ):
        shown = str(query_failed(sqlite3.OperationalError(text), done=None))
        assert "the statement is not valid SQL" in shown
        for hidden in (SECRET, "138", "1234", "张三", "Zhang", "line"):
            assert hidden not in shown
    assert "Zhang" not in str(query_failed(DataError("invalid input: Zhang"), done=None))
    assert "(1146)" in str(query_failed(DataError(1146, "x"), done=3))
    odd = DataError("x")
    odd.sqlstate = f"{SECRET}\n张三" + "y" * 200
    assert "张三" not in str(query_failed(odd, done=None))
    assert len(str(query_failed(odd, done=None))) < 300

# SPDX-License-Identifier: Apache-2.0
"""
Which cursor each driver is asked for.

The drivers are stand-ins: what is checked is the question to them, not that a server then streams.
"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from airflow_provider_aliyunsms.hooks.sql_cursor import _CURSOR_NAME, _cursor


class Connection:
    """Gives back what it was asked for instead of a cursor."""

    def cursor(self, *arguments, **keywords):
        return arguments, keywords


def connection_of(module):
    """Give a connection whose class lies in this module of a driver, as far as anybody can tell."""
    return type("Connection", (Connection,), {"__module__": module})()


@pytest.mark.parametrize("module", ["psycopg2.extensions", "psycopg2", "psycopg", "psycopg.connection"])
def test_postgresql_is_asked_for_a_named_cursor(module):
    assert _cursor(connection_of(module)) == ((), {"name": _CURSOR_NAME})
    assert _CURSOR_NAME.isidentifier()


@pytest.mark.parametrize(
    ("module", "driver"), [("MySQLdb.connections", "MySQLdb"), ("pymysql.connections", "pymysql")]
)
def test_mysql_is_asked_for_an_unbuffered_cursor(monkeypatch, module, driver):
    cursors = ModuleType(f"{driver}.cursors")
    cursors.SSCursor = type("SSCursor", (), {})
    package = ModuleType(driver)
    package.cursors = cursors
    monkeypatch.setitem(sys.modules, driver, package)
    monkeypatch.setitem(sys.modules, f"{driver}.cursors", cursors)
    assert _cursor(connection_of(module)) == ((cursors.SSCursor,), {})


@pytest.mark.parametrize(
    "module", ["sqlite3", "oracledb.connection", "pyodbc", "psycopg_pool", "mysql.connector.connection", "x"]
)
def test_any_other_driver_gives_its_usual_one(module):
    assert _cursor(connection_of(module)) == ((), {})

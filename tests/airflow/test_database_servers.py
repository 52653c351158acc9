# SPDX-License-Identifier: Apache-2.0
"""Queries on real PostgreSQL and MariaDB servers: what their drivers return, and a million rows in flat memory."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from database_servers import NoServerError, mariadb, postgres

SERVERS = {"postgres": postgres, "mariadb": mariadb}

SETUP = {
    "postgres": """
        CREATE TABLE people ("TO" varchar(20), "PHONE_NUMBER" numeric(13,2), name text, amount numeric(9,2),
            day timestamp, note bytea);
        INSERT INTO people VALUES
            ('+6591230001', 13800000001.00, '张三', 12.50, '2026-01-02 03:04:05', convert_to('备注', 'UTF8')),
            ('+6591230002', 13800000002.00, 'NULL', NULL, NULL, NULL)
    """,
    "mariadb": """
        CREATE TABLE people (`TO` varchar(20), PHONE_NUMBER decimal(13,2), name varchar(20), amount decimal(9,2),
            day datetime, note varbinary(20)) CHARACTER SET utf8mb4;
        INSERT INTO people VALUES
            ('+6591230001', 13800000001.00, '张三', 12.50, '2026-01-02 03:04:05', CAST('备注' AS BINARY)),
            ('+6591230002', 13800000002.00, 'NULL', NULL, NULL, NULL)
    """,
}
MILLION = {
    "postgres": "SELECT 13800000000 + i AS phone_number, 'name ' || i AS name FROM generate_series(0, 999999) AS i",
    "mariadb": "SELECT 13800000000 + seq AS phone_number, CONCAT('name ', seq) AS name FROM seq_0_to_999999",
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    """Give the kind of a running server and its Airflow connection."""
    if request.param == "mariadb" and importlib.util.find_spec("MySQLdb") is None:
        pytest.skip("mysqlclient is not installed: uv pip install --group mysql, with the headers of MariaDB")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        running = SERVERS[request.param](Path(folder))
        try:
            connection = running.__enter__()
        except NoServerError as error:
            pytest.skip(str(error))
        try:
            yield request.param, json.dumps(connection)
        finally:
            running.__exit__(None, None, None)


@pytest.fixture
def people(server, monkeypatch, airflow_db):
    """Give the kind of a server behind the connection ``people``, with a table of two people."""
    kind, connection = server
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", connection)
    from airflow.providers.common.compat.sdk import BaseHook

    database = BaseHook.get_connection("people").get_hook().get_conn()
    cursor = database.cursor()
    cursor.execute("DROP TABLE IF EXISTS people")
    for statement in SETUP[kind].split(";"):
        cursor.execute(statement)
    database.commit()
    database.close()
    return kind


def rows_of(sql, *, number_field="phone_number"):
    from functools import partial

    from airflow_provider_aliyunsms.audience.sources import Columns, read_sql
    from airflow_provider_aliyunsms.hooks.sql_cursor import streaming_cursor

    blocks = read_sql(
        partial(streaming_cursor, conn_id="people", sql=sql), number_field=number_field, columns=Columns()
    )
    return [block.row(position) for block in blocks for position in range(len(block))]


def test_what_the_drivers_return_becomes_recipients(people):
    from airflow_provider_aliyunsms.audience.rules import ChinaRules

    columns = (
        "`PHONE_NUMBER`, name, amount, day, note"
        if people == "mariadb"
        else '"PHONE_NUMBER", name, amount, day, note'
    )
    first, second = rows_of(f"SELECT {columns} FROM people ORDER BY 1")
    rules = ChinaRules(sign_name="x", template_param=dict.fromkeys(["name", "amount", "day", "note"], "-"))
    made = rules.prepare(first.values, flat=True)
    assert made.number == "13800000001"
    assert made.template_param == {
        "name": "张三",
        "amount": "12.50",
        "day": "2026-01-02 03:04:05",
        "note": "备注",
    }
    assert set(rules.prepare(second.values, flat=True).template_param.values()) == {"-"}


def test_a_campaign_from_it_and_names_in_capitals(people, run_dag, simulator, aliyun_connection):
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunBatchSendMessageToGlobeOperator

    column = "`TO`" if people == "mariadb" else '"TO"'
    with DAG(f"server_{people}") as dag:
        AliyunBatchSendMessageToGlobeOperator(
            task_id="send",
            message="Hi ${name}",
            recipients_sql=f"SELECT {column}, name FROM people ORDER BY 1",
            recipients_conn_id="people",
            template_param={"name": "you"},
            retries=0,
        )
    summary = run_dag(dag).xcom("send")
    assert (summary["accepted"], summary["rejected"]) == (2, 0)
    assert summary["audience"]["notes"]  # the word NULL
    assert {message["content"] for message in simulator.messages()} >= {"Hi you"}


PEAK = """
import json, resource, sys
from functools import partial
from airflow_provider_aliyunsms.audience.sources import Columns, read_sql
from airflow_provider_aliyunsms.hooks.sql_cursor import streaming_cursor

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

blocks = read_sql(partial(streaming_cursor, conn_id="people", sql=sys.argv[1]), number_field="phone_number",
    columns=Columns())
first = next(blocks)
before, count, name = peak(), len(first), first.row(0).values["name"]
for block in blocks:
    count += len(block)
print(json.dumps([count, before, peak()]))
"""


@pytest.mark.slow
def test_a_million_rows_stay_on_the_server_until_they_are_needed(people, server, tmp_path):
    environment = {"AIRFLOW_CONN_PEOPLE": server[1], "AIRFLOW_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, MILLION[people]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, before, after = json.loads(done.stdout.splitlines()[-1])
    assert count == 1_000_000
    # A million rows held by the driver would take over a hundred MB.
    assert after - before < 20, (before, after)

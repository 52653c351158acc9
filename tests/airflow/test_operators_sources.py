# SPDX-License-Identifier: Apache-2.0
"""Where an audience can come from and its receipts can go, through the real operator in real Airflow."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sqlite3
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HEAD = """
import resource
from contextlib import contextmanager
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator, AliyunSendBatchSmsOperator)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

ARGS = dict(task_id="send", template_code="SMS_152550005", sign_name="测试签名", retries=0)

with DAG("{dag_id}", schedule=None) as dag:
"""

PEOPLE = [("13800000001", "张三"), ("13800000002", "李四"), ("13800000003", "王五")]
CSV = "phone_number,name\n" + "".join(f"{number},{name}\n" for number, name in PEOPLE)


@pytest.fixture
def run_task(run_dag, tmp_path):
    """Run a DAG whose body is given as text."""

    def run(dag_id, body, **kwargs):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id) + lines, encoding="utf-8")
        return run_dag(path, **kwargs)

    return run


@pytest.fixture
def work_place(tmp_path, monkeypatch):
    """Give the folder in which the task keeps its working copies."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def memory_storage(airflow_db):
    """Make ``memory://`` known to Airflow, as a provider would; gives the storage behind it."""
    import fsspec
    from airflow.sdk.io import attach

    storage = fsspec.filesystem("memory")
    attach(protocol="memory", fs=storage)
    yield storage
    storage.rm("/", recursive=True)


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Give a SQLite database behind the connection ``people``."""
    path = tmp_path / "people.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (mobile TEXT, name TEXT, note TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?, 'x')", PEOPLE)
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def sent(simulator):
    """Give number -> text, both as a phone shows them."""
    return {message["number"]: message["content"] for message in simulator.messages(limit=100)}


def parquet_bytes():
    stream = io.BytesIO()
    numbers, names = zip(*PEOPLE, strict=True)
    pq.write_table(pa.table({"phone_number": numbers, "name": names}), stream)
    return stream.getvalue()


JSONL = "".join(json.dumps({"phone_number": n, "name": name}) + "\n" for n, name in PEOPLE).encode()
FILES = {
    "a.csv": (CSV.encode(), None),
    "bom.csv": (CSV.encode("utf-8-sig"), None),
    "gb.csv": (CSV.encode("gb18030"), "gb18030"),
    "a.csv.gz": (gzip.compress(CSV.encode()), None),
    "a.jsonl.gz": (gzip.compress(JSONL), None),
    "a.parquet": (parquet_bytes(), None),
    "a.parquet.gz": (gzip.compress(parquet_bytes()), None),
}


def test_every_kind_of_file_from_disk_and_from_a_storage(
    run_task, simulator, aliyun_connection, tmp_path, work_place, memory_storage
):
    body, expected = "", 0
    for position, (name, (content, encoding)) in enumerate(FILES.items()):
        memory_storage.pipe_file(f"/audience/{name}", content)
        (tmp_path / name).write_bytes(content)
        others = [f"file://{tmp_path / name}", str(tmp_path / name)]
        for kind, place in enumerate([f"memory://audience/{name}", others[position % 2]]):
            changes = f"task_id='t{position}_{kind}', recipients={place!r}, encoding={encoding!r}"
            body += f"AliyunSendBatchSmsOperator(**(ARGS | dict({changes})))\n"
            expected += 1
    outcome = run_task("sources_files", body)
    assert set(outcome.states.values()) == {"success"}
    assert simulator.counts() == {number: expected for number, _ in PEOPLE}
    texts = {message["content"] for message in simulator.messages(limit=100)}
    assert {name: sum(name in text for text in texts) for _, name in PEOPLE} == {
        name: 1 for _, name in PEOPLE
    }
    assert list(work_place.iterdir()) == []


def test_a_query_is_streamed_with_bound_parameters_and_mapped_names(
    run_task, simulator, aliyun_connection, database
):
    sql = "SELECT mobile, name, note FROM people WHERE mobile > ? AND '{{ dag.dag_id }}' = 'sources_sql' ORDER BY 1;"
    body = f"""AliyunSendBatchSmsOperator(**ARGS, recipients_sql={sql!r}, recipients_conn_id='people',
    recipients_parameters=['13800000001'], column_mapping={{'mobile': 'phone_number', 'note': None}})"""
    assert run_task("sources_sql", body).xcom("send")["accepted"] == 2
    texts = sent(simulator)
    assert sorted(texts) == ["13800000002", "13800000003"]
    assert "李四" in texts["13800000002"]
    assert "note" not in texts["13800000002"]


def test_a_query_may_be_a_file_and_globe_takes_one_too(
    run_task, simulator, aliyun_connection, database, tmp_path
):
    (tmp_path / "people.sql").write_text(
        "SELECT '+85251234567' AS \"to\", name FROM people LIMIT 1", encoding="utf-8"
    )
    body = """AliyunBatchSendMessageToGlobeOperator(task_id='send', message='Hi ${name}', retries=0,
    recipients_sql='people.sql', recipients_conn_id='people')"""
    assert run_task("sources_sql_file", body).xcom("send")["accepted"] == 1
    assert "张三" in simulator.messages()[0]["content"]


def test_rendered_templates_show_a_query_but_no_number_in_it(
    run_task, simulator, aliyun_connection, database, airflow_home
):
    query = "SELECT mobile AS phone_number FROM people WHERE mobile "
    body = f"""
AliyunSendBatchSmsOperator(**ARGS, recipients_conn_id='people', recipients_sql={query + "> ?"!r},
    recipients_parameters=['13800000001'])
AliyunSendBatchSmsOperator(**(ARGS | dict(task_id='other')), recipients_conn_id='people',
    recipients_sql={query + "= '13800000001'"!r})
"""
    assert set(run_task("sources_rendered", body).states.values()) == {"success"}
    with sqlite3.connect(airflow_home / "airflow.db") as airflow:
        rendered = str(
            airflow.execute(
                "select rendered_fields from rendered_task_instance_fields where dag_id = 'sources_rendered'"
            ).fetchall()
        )
    assert "13800000001" not in rendered
    assert "FROM people WHERE mobile > ?" in rendered


def test_the_lists_of_a_mapped_task_are_one_campaign(run_task, simulator, aliyun_connection):
    body = """
@task(show_return_value_in_logs=False)
def prepare(first):
    return [f"1380000{first + n:04d}" for n in range(3)]

AliyunSendBatchSmsOperator(**ARGS, recipients=prepare.expand(first=[10, 20]))
"""
    assert run_task("sources_mapped", body).xcom("send")["accepted"] == 6
    assert len(simulator.counts()) == 6


BAD_FILES = {
    "cut.csv.gz": gzip.compress(CSV.encode())[:-20],
    "cut.jsonl.gz": gzip.compress(JSONL)[:-1],
    "cut.parquet": parquet_bytes()[:-1],
    "cut.parquet.gz": gzip.compress(parquet_bytes())[:-20],
    "gb.csv": CSV.encode("gb18030"),
    "gb.jsonl": '{"phone_number": "13800000001", "name": "张三"}'.encode("gb18030"),
    "plain.csv.gz": CSV.encode(),
    "empty.jsonl.gz": b"",
}
CONTRADICTIONS = [
    "recipients='/nowhere/a.parquet'",
    "recipients=['13800000001'], encoding='gb18030'",
    "recipients=['13800000001'], column_mapping={'a': 'b', 'c': 'b'}",
    "recipients=['13800000001'], receipts_path='/tmp/r.parquet.gz'",
    "recipients=['13800000001'], receipts_path='nowhere://bucket/r.csv'",
    "recipients='nowhere://bucket/a.csv'",
    "recipients_sql='SELECT 1', recipients_conn_id='people'",
    "recipients_sql='SELECT mobile FROM nowhere', recipients_conn_id='people'",
    "recipients_sql='DELETE FROM people', recipients_conn_id='people'",
    "recipients_sql='SELECT 1', recipients_conn_id='aliyun_sms_default'",
    "recipients_sql='SELECT 1', recipients_conn_id='no_such_connection'",
    "recipients_sql='SELECT mobile AS phone_number FROM people', recipients_conn_id='people', encoding='gbk'",
]


def test_bad_input_sends_nothing_and_leaves_nothing(
    run_task, simulator, aliyun_connection, database, tmp_path, work_place
):
    body = ""
    for name, content in BAD_FILES.items():
        (tmp_path / name).write_bytes(content)
    parameters = [*(f"recipients={str(tmp_path / name)!r}" for name in BAD_FILES), *CONTRADICTIONS]
    for position, each in enumerate(parameters):
        body += f"AliyunSendBatchSmsOperator(**(ARGS | dict(task_id='t{position}')), {each})\n"
    outcome = run_task("sources_bad", body)
    states = {each: outcome.states[f"t{position}"] for position, each in enumerate(parameters)}
    assert states == dict.fromkeys(parameters, "failed")
    assert simulator.stats()["requests"] == {}
    assert list(work_place.iterdir()) == []
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (len(PEOPLE),)


def test_a_query_that_fails_in_mid_stream_sends_nothing(
    run_task, simulator, aliyun_connection, database, work_place, capsys
):
    sql = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000)
    SELECT CASE WHEN i = 6000 THEN json_extract('geheim', 'x') ELSE 13800000000 + i END AS phone_number FROM n"""
    body = f"AliyunSendBatchSmsOperator(**ARGS, recipients_sql={sql!r}, recipients_conn_id='people')"
    assert run_task("sources_sql_broken", body).states["send"] == "failed"
    assert "recipients_sql failed after 4000 rows: OperationalError" in capsys.readouterr().out
    assert simulator.stats()["requests"] == {}
    assert list(work_place.iterdir()) == []


CHANGING = """
class Changing(AliyunSendBatchSmsOperator):
    def make_rules(self):
        class ChangingRules(ChinaRules):
            def plain_rows(self, block):
                return None

            def prepare(self, values, *, flat=False):
                if values["phone_number"] == "13800000001":
                    {change}
                return super().prepare(values, flat=flat)

        return ChangingRules(sign_name=self.sign_name, template_param=None)

Changing(**ARGS, recipients={path!r})
"""


@pytest.mark.parametrize("kind", ["local", "file", "memory"])
def test_a_file_that_changes_while_it_is_read_is_not_sent_to(
    run_task, simulator, aliyun_connection, tmp_path, kind, work_place, memory_storage, capsys
):
    # More rows than are taken in at once.
    content = "phone_number\n" + "".join(f"1380{n:07d}\n" for n in range(5000))
    memory_storage.pipe_file("/a/changing.csv", content.encode())
    (tmp_path / "changing.csv").write_text(content, encoding="utf-8")
    local = f"{tmp_path}/changing.csv"
    path = {"local": local, "file": f"file://{local}", "memory": "memory://a/changing.csv"}[kind]
    # Where the storage knows more than the size, the same bytes again are a change as well.
    change = {
        "local": f"open({local!r}, 'a').write('x')",
        "file": f"ObjectStoragePath({path!r}).touch()",
        "memory": f"ObjectStoragePath({path!r}).write_bytes(ObjectStoragePath({path!r}).read_bytes())",
    }[kind]
    body = CHANGING.format(change=change, path=path)
    assert run_task(f"sources_changing_{kind}", body).states["send"] == "failed"
    assert "'changing.csv' changed while it was read. Nothing was sent now." in capsys.readouterr().out
    assert simulator.stats()["requests"] == {}
    assert list(work_place.iterdir()) == []


CRAMPED = """
class Cramped(AliyunSendBatchSmsOperator):
    def execute(self, context):
        # No file of this process may grow beyond this: to SQLite, a disk that is full.
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, hard))
        try:
            return super().execute(context)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

Cramped(**ARGS, recipients={path!r})
"""


@pytest.mark.parametrize("ending", [".csv", ".parquet.gz"])
def test_a_full_disk_sends_nothing(
    run_task, simulator, aliyun_connection, tmp_path, airflow_home, work_place, ending, capsys
):
    # Airflow's own database, with its log, must still fit.
    size = 2 * sum(file.stat().st_size for file in airflow_home.glob("airflow.db*")) + 2_000_000
    count = size // 600
    path = tmp_path / f"big{ending}"
    if ending == ".csv":
        columns = [f"v{n}" for n in range(20)]
        row = ",".join("x" * 35 for _ in columns)
        lines = (f"1380{n:07d},{row}\n" for n in range(count))
        path.write_text(f"phone_number,{','.join(columns)}\n" + "".join(lines), encoding="utf-8")
    else:
        stream = io.BytesIO()
        values = [os.urandom(300).hex() for _ in range(count)]
        pq.write_table(pa.table({"phone_number": values}), stream, compression="none", use_dictionary=False)
        path.write_bytes(gzip.compress(stream.getvalue(), 1))
    body = CRAMPED.format(size=size, path=str(path))
    assert run_task(f"sources_full_{len(ending)}", body).states["send"] == "failed"
    assert "The local working copy of the audience cannot be written" in capsys.readouterr().out
    assert simulator.stats()["requests"] == {}
    assert list(work_place.iterdir()) == []


def read_back(name, content):
    if name.endswith(".parquet"):
        return pq.read_table(io.BytesIO(content)).to_pylist()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    if ".csv" in name:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]
    return [json.loads(line) for line in text.splitlines()]


def test_receipts_in_every_format_and_the_sensor_reads_them(
    run_task, simulator, aliyun_connection, tmp_path, memory_storage
):
    import fsspec

    names = ["r.jsonl", "r.jsonl.gz", "r.csv", "r.csv.gz", "r.parquet"]
    body = ""
    for position, name in enumerate(names):
        place = f"memory://receipts/{name}" if position % 2 else str(tmp_path / "receipts" / name)
        changes = f"task_id='send{position}', recipients={[n for n, _ in PEOPLE] + ['12']!r}, receipts_path={place!r}"
        body += f"send = AliyunSendBatchSmsOperator(**(ARGS | dict({changes})))\n"
        body += (
            f"AliyunSmsDeliverySensor(task_id='wait{position}', campaign=send.output, poke_interval=0.1)\n"
        )
    outcome = run_task("sources_receipts", body)
    assert set(outcome.states.values()) == {"success"}
    for position, name in enumerate(names):
        assert outcome.xcom(f"wait{position}")["delivered"] == len(PEOPLE)
        path = outcome.xcom(f"send{position}")["receipts_path"]
        with fsspec.open(path, "rb") as stream:
            receipts = read_back(name, stream.read())
        assert [(each["phone_number"], each["outcome"]) for each in receipts] == [
            *((number, "accepted") for number, _ in PEOPLE),
            ("12", "rejected"),
        ]
        assert set(receipts[0]) == {"phone_number", "outcome", "code", "biz_id", "out_id", "time"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"recipients": ["13800000001"], "recipients_sql": "SELECT 1", "recipients_conn_id": "people"},
        {"recipients_sql": "SELECT 1"},
        {"recipients": ["13800000001"], "recipients_conn_id": "people"},
        {"recipients": ["13800000001"], "recipients_parameters": [1]},
    ],
)
def test_an_audience_has_one_source_and_the_parser_of_the_dag_says_so(parameters):
    from airflow_provider_aliyunsms.exceptions import ConfigurationError
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    with pytest.raises(ConfigurationError, match="recipients"):
        AliyunSendBatchSmsOperator(task_id="send", template_code="SMS_1", **parameters)


FRAME_DAG = """
@task(show_return_value_in_logs=False)
def prepare():
    import pandas as pd
    return pd.DataFrame({{"phone_number": {numbers!r}, "name": ["a", "b", "c"]}})

AliyunSendBatchSmsOperator(**ARGS, recipients=prepare())
"""


def test_a_data_frame_of_a_task_before_is_an_audience(run_task, simulator, aliyun_connection):
    outcome = run_task("sources_frame", FRAME_DAG.format(numbers=[number for number, _ in PEOPLE]))
    summary = outcome.xcom("send")
    assert (summary["total"], summary["accepted"]) == (3, 3)
    assert summary["audience"] == {"format": "pandas DataFrame", "variables": ["name"]}
    assert sorted(simulator.counts()) == [number for number, _ in PEOPLE]


def test_a_report_of_the_rejected_rows_stands_in_log_and_result(
    run_task, simulator, aliyun_connection, tmp_path, caplog
):
    path = tmp_path / "a.csv"
    path.write_text(
        "phone_number,name,remark\n13800000001,a,\n13800000002,b,x\n13800000003,c,\n", encoding="utf-8"
    )
    outcome = run_task("sources_report", f"AliyunSendBatchSmsOperator(**ARGS, recipients={str(path)!r})")
    (rejected,) = outcome.xcom("send")["audience"]["rejected"]
    assert (rejected["field"], rejected["count"], rejected["lines"]) == ("remark", 2, [2, 4])
    assert "rejected: 2 x local.EMPTY_VARIABLE in 'remark' (lines 2, 4)" in caplog.text


def test_native_rendering_keeps_the_plus_of_a_number_and_a_text_stays_a_text(
    run_dag, simulator, aliyun_connection
):
    from airflow.sdk import DAG

    from airflow_provider_aliyunsms.operators.aliyun_sms import (
        AliyunBatchSendMessageToGlobeOperator,
        AliyunSendBatchSmsOperator,
    )

    params = {"plus": "+13105550123", "people": ["13800000001"], "day": "20261001"}
    with DAG("sources_native", render_template_as_native_obj=True, params=params) as dag:
        # The API would drop the plus, and the digits would be somebody in the mainland.
        AliyunSendBatchSmsOperator(
            task_id="china",
            recipients=[
                "+13105550123",
                "{{ params.plus }}",
                {"phone_number": "{{ params.plus }}"},
                "13800000009",
            ],
            template_code="SMS_152550005",
            sign_name="测试",
            retries=0,
        )
        AliyunSendBatchSmsOperator(
            task_id="whole",
            recipients="{{ params.people }}",
            template_code="SMS_152550005",
            sign_name="测试",
            campaign_id="{{ params.day }}",
            retries=0,
        )
        AliyunBatchSendMessageToGlobeOperator(
            task_id="text", recipients=["+6591230001"], message="See report.sql", retries=0
        )
    outcome = run_dag(dag)
    china = outcome.xcom("china")
    assert (china["accepted"], china["errors"]) == (1, {"local.INVALID_NUMBER": 3})
    assert [receipt["phone_number"] for receipt in china["receipts"]][:3] == ["+13105550123"] * 3
    assert outcome.xcom("whole")["campaign_id"] == "20261001"
    assert outcome.xcom("text")["accepted"] == 1
    assert simulator.counts() == {"13800000009": 1, "13800000001": 1, "6591230001": 1}


SAID = {
    "recipients=['13800000001'], delimiter=';'": "delimiter means something for CSV files only",
    "recipients='{{ none }}'": "gave nothing",
    "recipients=\"['13800000001']\"": "text of a list, not a list",
    "recipients='people.xls'": "save it as .xlsx",
    "recipients='13800000001'": "put a single phone number into a list",
    "recipients=['13800000001'], phone_region='Xx'": "phone_region",
    "recipients=['13800000001'], null_values='NULL'": "null_values must be a list",
    "recipients=['13800000001'], columns='name'": "columns must be a list",
    "recipients='a.csv', delimiter='ab'": "delimiter must be one character",
}


def test_a_wrong_source_says_the_next_step(run_task, simulator, aliyun_connection, capsys):
    body = "".join(
        f"AliyunSendBatchSmsOperator(**(ARGS | dict(task_id='t{place}')), {each})\n"
        for place, each in enumerate(SAID)
    )
    states = run_task("sources_said", body).states
    assert set(states.values()) == {"failed"}
    output = capsys.readouterr().out
    assert [each for each, said in SAID.items() if said not in output] == []
    assert simulator.stats()["requests"] == {}


def test_tojson_and_a_skipped_task_before(run_task, simulator, aliyun_connection, capsys):
    body = """
@task(show_return_value_in_logs=False)
def people():
    return ["13800000001"]

@task
def nothing():
    return None

AliyunSendBatchSmsOperator(**ARGS, recipients="{{ ti.xcom_pull(task_ids='people') | tojson }}").set_upstream(people())
AliyunSendBatchSmsOperator(**(ARGS | dict(task_id='none')), recipients=nothing())
"""
    outcome = run_task("sources_tojson", body)
    assert outcome.xcom("send")["accepted"] == 1
    assert outcome.states["none"] == "failed"
    assert "returned None, was skipped or failed" in capsys.readouterr().out

# SPDX-License-Identifier: Apache-2.0
"""
One campaign of each kind through a real Airflow at DEBUG; everything it writes is searched for what is private.

Searched are the database (each cell, unpacked), all files of its home (logs of tasks, of the DAG processor, of the
triggerer), what the processes print, the spans and metrics they send, the temporary folder, ledger and receipts. What
is found may be in the places that ``places.py`` lists, and nowhere else.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cryptography.fernet import Fernet
from launcher.airflow3 import Airflow3
from launcher.processes import wait_for
from launcher.simulator import SimulatorProcess
from places import PLACES
from written import in_database, in_files, in_text

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

DAGS = Path(__file__).parent / "dags"
SECRET = "GeheimesSecretDesKontos"
FERNET = Fernet.generate_key().decode()
SILENT = "0404"
"""The last digits of a number whose message stays pending, so that its sensor is deferred when the search begins."""

ENDINGS = {
    "written_in_dag_file": "success",
    "abroad_from_file": "success",
    "from_query": "success",
    "decorated": "success",
    "mapped": "success",
    "refused": "success",
    "unrenderable": "failed",
    "invalid": "failed",
    "alert": "failed",
    "deadline": "success",
    "guarded": "success",
}
DEFERRED = ("from_file", "through_xcom")


def people(prefix, count, *, silent=False):
    """Make recipients that occur nowhere else."""
    numbers = [f"138{prefix}{n:05d}" for n in range(1, count + 1)] + (
        [f"1387{prefix}{SILENT}"] if silent else []
    )
    return [
        {"phone_number": number, "template_param": {"name": f"Wert{prefix}x{position}"}}
        for position, number in enumerate(numbers)
    ]


RECIPIENTS = {
    "from_file": people("701", 130, silent=True),
    "from_query": people("702", 3),
    "through_xcom": people("703", 5, silent=True),
    "decorated": people("704", 4),
    "mapped": people("705", 3),
    "refused": [*people("706", 2), {"phone_number": "13870600501", "template_param": {"name": "Wert706y"}}],
    "unrenderable": people("707", 3),
    "invalid": [{"phone_number": "1387080000", "template_param": {"name": "Wert708x0"}}],
    "guarded": people("711", 6),
    "blacklisted": [{"phone_number": "13871200503", "template_param": {"name": "Wert712y"}}],
    "suppressed": people("713", 2),
}
SEED = "13871400001"
ABROAD = [f"65912370{n:02d}" for n in range(1, 4)]
ON_CALL, AT_DEADLINE = "13870900001", "13871000001"
HERE = ["13870010001", "13870010002"]

NUMBERS = {
    **{name: [each["phone_number"] for each in group] for name, group in RECIPIENTS.items()},
    "abroad_from_file": ABROAD,
    "written_in_dag_file": HERE,
    "alert": [ON_CALL],
    "deadline": [AT_DEADLINE],
    "seed": [SEED],
}
VALUES = {
    **{name: [each["template_param"]["name"] for each in group] for name, group in RECIPIENTS.items()},
    "abroad_from_file": ["Name651", "TextInDagFile"],
    "written_in_dag_file": ["ValueInDagFile"],
}
IN_DAG_FILE = {"TextInDagFile", "ValueInDagFile", *HERE}


def rows_of(name):
    return [(each["phone_number"], each["template_param"]["name"]) for each in RECIPIENTS[name]]


def write_csv(path, rows, *, header="phone_number,name"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")


class Collector:
    """What a telemetry collector is sent: spans, metrics and logs, as bytes."""

    def __init__(self):
        self.bodies = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                collector.bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def settings(self):
        host, port = self.server.server_address
        where = {"OTEL_HOST": host, "OTEL_PORT": str(port), "OTEL_ON": "True"}
        named = {
            f"AIRFLOW__{part}__{name}": value
            for part in ("METRICS", "TRACES")
            for name, value in where.items()
        }
        return named | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        }

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make the folder with the audiences; receipts and ledger come to lie there."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "recipients.json").write_text(json.dumps(RECIPIENTS), encoding="utf-8")
    write_csv(folder / "people.csv", rows_of("from_file"))
    write_csv(folder / "invalid.csv", rows_of("invalid"))
    write_csv(
        folder / "guarded.csv",
        [row for name in ("guarded", "blacklisted", "suppressed") for row in rows_of(name)],
    )
    write_csv(folder / "opted_out.csv", rows_of("suppressed"))
    (folder / "claims").mkdir()
    write_csv(folder / "abroad.csv", [(f"+{number}", "Name651") for number in ABROAD], header="to,name")
    (folder / "refused.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in RECIPIENTS["refused"]), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    """Copy the DAG file, and give it a query with literals beside it."""
    dags = tmp_path_factory.mktemp("dags")
    source = (DAGS / "private_campaigns.py").read_text(encoding="utf-8")
    (dags / "private_campaigns.py").write_text(source, encoding="utf-8")
    values = ", ".join(
        f"('{number[:3]} {number[3:7]} {number[7:]}', '{name}')" for number, name in rows_of("from_query")
    )
    (dags / "people.sql").write_text(
        f"WITH p(phone_number, name) AS (VALUES {values}) SELECT * FROM p -- {RECIPIENTS['from_query'][0]}",
        encoding="utf-8",
    )
    return dags


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    options = ("--access-key-secret", SECRET, "--record-lag", "0")
    gateway = SimulatorProcess(folder=tmp_path_factory.mktemp("gateway"), options=options)
    try:
        gateway.start()
        # for the guard that asks the vendor
        gateway.client.templates({"SMS_711": {"text": "您好${name}", "kind": "notification"}})
        gateway.client.signatures({"测试": {}})
        yield gateway
    finally:
        gateway.end()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, folder, dags, gateway, collector):
    """An Airflow of real processes that says everything it can say."""
    home = tmp_path_factory.mktemp("airflow")
    temporary = home / "tmp"
    temporary.mkdir()
    (home / "people.db").touch()
    extra = {"alert_phone_numbers": AT_DEADLINE, "sign_name": "测试"}
    fields = {
        "conn_type": "aliyun_sms",
        "login": "testid",
        "password": SECRET,
        "host": gateway.url,
        "extra": extra,
    }
    settings = collector.settings() | {
        "AIRFLOW__CORE__FERNET_KEY": FERNET,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT": json.dumps(fields),
        "AIRFLOW_CONN_PEOPLE": json.dumps({"conn_type": "sqlite", "host": str(home / "people.db")}),
        "AIRFLOW_VAR_ON_CALL": ON_CALL,
        "AIRFLOW_VAR_SEEDS": SEED,
        "PRIVATE_FOLDER": str(folder),
        "TMPDIR": str(temporary),
    }
    airflow = Airflow3(
        folder=home, dags=dags, dag_ids={*ENDINGS, *DEFERRED}, settings=settings, further=("triggerer",)
    )
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.end()


def is_deferred(airflow, dag_id, run_id):
    found = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/wait")
    return found["state"] == "deferred" and airflow.xcom(dag_id, run_id) is not None


def states_of(airflow, dag_id, run_id):
    found = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
    return {each["task_id"]: each["state"] for each in found["task_instances"]}


@pytest.fixture(scope="module")
def ended(airflow, gateway, folder):
    """Run every DAG; return when all have ended but those whose sensors are deferred."""
    runs = {dag_id: airflow.trigger(dag_id) for dag_id in (*ENDINGS, *DEFERRED)}
    for dag_id, state in ENDINGS.items():
        found = wait_for(
            lambda dag=dag_id: (s := airflow.run_state(dag, runs[dag])) in ("success", "failed") and s,
            timeout=300,
            what=f"{dag_id} has ended",
        )
        assert found == state, (
            dag_id,
            states_of(airflow, dag_id, runs[dag_id]),
            airflow.logs(runs[dag_id])[-6000:],
        )
    for dag_id in DEFERRED:
        wait_for(lambda dag=dag_id: is_deferred(airflow, dag, runs[dag]), timeout=120, what=f"{dag_id} waits")
    wait_for(lambda: AT_DEADLINE in gateway.client.counts(), timeout=120, what="the deadline was told")
    return runs


@pytest.fixture(scope="module")
def found(airflow, ended, folder, collector):
    """Search everything; give ``{needle: {location, ...}}``."""
    needles = {each for group in (*NUMBERS.values(), *VALUES.values()) for each in group} | {SECRET, FERNET}
    home = Path(airflow.folder)
    locations = {}

    def note(kind, places):
        for needle, names in places.items():
            locations.setdefault(needle, set()).update(f"{kind} {name}" for name in names)

    note("database", in_database(home / "airflow.db", needles))
    note("home", in_files(home, needles, skip=("airflow.db", "airflow.cfg", "simple_auth")))
    note("folder", in_files(folder, needles))
    for name, text in airflow.outputs().items():
        note("output", {needle: {name} for needle in in_text(text, needles)})
    for path, body in collector.bodies:
        note("telemetry", {needle: {path} for needle in in_text(body, needles)})
    return locations


def allowed(location):
    return any(place.holds(location) for place in PLACES)


def test_every_kind_was_sent_and_the_search_sees_what_is_there(found, gateway, collector, airflow):
    counts = gateway.client.counts()
    for name, numbers in NUMBERS.items():
        if name not in ("unrenderable", "invalid", "refused", "blacklisted", "suppressed"):
            assert [number for number in numbers if counts.get(number) != 1] == [], name
    assert {path for path, _ in collector.bodies} >= {"/v1/metrics", "/v1/traces"}
    assert any("DEBUG" in text or "debug" in text for text in airflow.all_logs().values())
    assert "database xcom.value" in found[RECIPIENTS["through_xcom"][0]["phone_number"]]


def test_numbers_are_where_they_must_be_and_nowhere_else(found):
    numbers = {number for group in NUMBERS.values() for number in group}
    elsewhere = {number: {each for each in found.get(number, ()) if not allowed(each)} for number in numbers}
    assert {number: places for number, places in elsewhere.items() if places} == {}


def test_texts_and_values_are_where_numbers_are_and_nowhere_else(found):
    values = {value for group in VALUES.values() for value in group}
    elsewhere = {value: {each for each in found.get(value, ()) if not allowed(each)} for value in values}
    assert {value: places for value, places in elsewhere.items() if places} == {}


def test_what_the_dag_file_does_not_hold_is_not_in_airflows_copies_of_it(found):
    copies = {
        needle
        for needle, places in found.items()
        if any("dag_code" in each or "serialized" in each for each in places)
    }
    assert copies == IN_DAG_FILE


def test_only_what_travels_through_xcom_is_in_xcom(found):
    there = {needle for needle, places in found.items() if "database xcom.value" in places}
    inline = ("written_in_dag_file", "through_xcom", "decorated", "mapped", "unrenderable")
    assert {name for name, group in NUMBERS.items() if there & set(group)} <= set(inline)


def test_only_what_is_in_xcom_is_in_airflows_log_of_the_worker(found):
    """At DEBUG it prints every XCom of every task; with ``receipts_path`` and paths there is nobody in them."""
    there = {needle for needle, places in found.items() if any("scheduler.log" in each for each in places)}
    assert there <= {needle for needle, places in found.items() if "database xcom.value" in places}


def test_secrets_are_nowhere(found):
    assert found.get(SECRET, set()) == set()
    assert found.get(FERNET, set()) == set()


def test_every_place_of_the_list_was_found(found):
    """A place that nothing is found in does not belong into the table."""
    seen = {each for places in found.values() for each in places}
    assert [place.where for place in PLACES if place.pattern and not any(map(place.holds, seen))] == []


def test_the_waiting_triggers_hold_nobody(airflow, ended):
    with sqlite3.connect(Path(airflow.folder) / "airflow.db") as database:
        (count,) = database.execute(
            "select count(*) from trigger where classpath like '%AliyunSms%'"
        ).fetchone()
    assert count == len(DEFERRED)


def test_the_ledger_holds_nobody(found, folder):
    assert list((folder / "ledger").rglob("*.json"))
    assert not [places for places in found.values() if any("ledger" in each for each in places)]


def test_nothing_stays_in_the_temporary_folder(airflow, ended):
    left = [path for path in (Path(airflow.folder) / "tmp").rglob("*") if path.is_file()]
    assert [path for path in left if "aliyunsms" in path.as_posix()] == []

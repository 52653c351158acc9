# SPDX-License-Identifier: Apache-2.0
"""Where the ledger lives in an Airflow, what may happen to it there, and what Airflow says of a try."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

pytestmark = pytest.mark.airflow

PEOPLE = [f"1380009{number:04d}" for number in range(30)]
HEAD = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

def dies_once(context):
    if context["ti"].try_number == 1:
        raise RuntimeError("killed before it began")

def dies_afterwards(context, result):
    raise RuntimeError("killed before anybody knew that it had ended")

def dies_once_afterwards(context, result):
    if context["ti"].try_number == 1:
        raise RuntimeError("killed after it ended")

SEND = dict(task_id="send", template_code="SMS_1", sign_name="测试", chunk_size=5, max_concurrency=2, settle_time=2)
PEOPLE = {people!r}

class DurableLater(AliyunSendBatchSmsOperator):
    # as if the DAG had been edited between two tries

    def execute(self, context):
        self.durable = context["ti"].try_number > 1
        return super().execute(context)

with DAG("{dag_id}", schedule=None) as dag:
    {body}
"""


@pytest.fixture
def run_task(run_dag, tmp_path):
    """Run a DAG whose body is one line."""

    def run(dag_id, body, **keywords):
        path = tmp_path / f"{dag_id}.py"
        path.write_text(HEAD.format(dag_id=dag_id, body=body, people=PEOPLE), encoding="utf-8")
        return run_dag(path, **keywords)

    return run


def state_of(airflow_home, dag_id, column="value"):
    with sqlite3.connect(airflow_home / "airflow.db") as database:
        query = f"select key, {column} from task_state_store where dag_id = ?"
        return dict(database.execute(query, (dag_id,)).fetchall())


# ---- Airflow's own store


def test_no_value_of_a_ledger_expires_by_itself(run_task, simulator, aliyun_connection, airflow_home):
    """Airflow's default is thirty days for each value by itself: then some windows would be gone, and others not."""
    assert (
        run_task("never_expires", "AliyunSendBatchSmsOperator(recipients=PEOPLE, **SEND)").state == "success"
    )
    expiry = state_of(airflow_home, "never_expires", "expires_at")
    assert {"aliyun_sms.head", "aliyun_sms.g1.w000001", "aliyun_sms.g1.summary"} <= set(expiry)
    assert set(expiry.values()) == {None}


BACKEND = '''
import json
from pathlib import Path
from airflow.sdk._shared.state import BaseStoreBackend

class Folder(BaseStoreBackend):
    """Keep values as files, and their names in Airflow's database."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        Path(__file__).with_name(key).write_text(json.dumps(value))
        return key

    def deserialize_task_state_store_from_ref(self, stored):
        return json.loads(Path(__file__).with_name(stored).read_text())

    def get(self, *args, **kwargs): ...
    set = delete = clear = aget = aset = adelete = aclear = get
'''


@pytest.fixture
def backend(tmp_path, monkeypatch):
    """Let Airflow keep the values of task state stores in files; gives their folder."""
    from airflow.sdk.execution_time.context import _get_worker_state_store_backend

    folder = tmp_path / "backend"
    folder.mkdir()
    (folder / "folder_backend.py").write_text(BACKEND)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("AIRFLOW__WORKERS__STATE_STORE_BACKEND", "folder_backend.Folder")
    _get_worker_state_store_backend.cache_clear()
    yield folder
    _get_worker_state_store_backend.cache_clear()


def test_a_store_whose_values_are_kept_elsewhere_is_fenced(
    run_task, simulator, aliyun_connection, airflow_home, backend
):
    """Airflow's database refuses the writes of a process that was replaced, and these never get there."""
    simulator.misbehave("drop_after", action="SendBatchSms", times=1, skip=2)
    simulator.misbehave("no_records", action="QuerySendDetails", times=3)
    outcome = run_task(
        "offloaded",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, retries=6, retry_delay=timedelta(0), "
        "evidence_wait=0.1, **SEND | {'settle_time': 600})",
    )
    assert outcome.state == "success"
    assert outcome.tries["send"] > 1
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    names = {path.name for path in backend.glob("aliyun_sms.*")}
    assert {"aliyun_sms.e000001.claim", "aliyun_sms.e000002.claim", "aliyun_sms.e000002.g1.w000001"} <= names
    assert names == set(state_of(airflow_home, "offloaded"))


# ---- a DAG run that is deleted


def test_a_run_that_is_deleted_and_made_again_finds_its_ledger_at_its_path(
    run_task, simulator, aliyun_connection, tmp_path, monkeypatch
):
    from airflow.models.dagrun import DagRun

    # Whoever makes a deleted run again by hand gives it the same name.
    monkeypatch.setattr(DagRun, "generate_run_id", staticmethod(lambda **_: "spring"))
    send = f"AliyunSendBatchSmsOperator(recipients=PEOPLE, ledger_path={str(tmp_path / 'ledger')!r}, **SEND)"
    first, second = (
        run_task("deleted_run", send, logical_date=datetime(2026, 1, 2, tzinfo=UTC)) for _ in range(2)
    )
    assert first.run_id == second.run_id
    assert second.tries["send"] == 1, "to Airflow it is a new run"
    assert second.xcom("send") == first.xcom("send")
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)


# ---- a try that dies in its first seconds


def test_a_try_after_one_that_died_before_it_began_goes_on_and_says_why(
    run_task, simulator, aliyun_connection, caplog
):
    outcome = run_task(
        "first_seconds",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, pre_execute=dies_once, retries=1, "
        "retry_delay=timedelta(0), **SEND)",
    )
    assert (outcome.state, outcome.tries["send"]) == ("success", 2)
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert "so it sent nothing: this try goes on" in caplog.text


def test_a_try_without_a_store_says_that_it_was_not_cleared(run_task, simulator, aliyun_connection, capsys):
    outcome = run_task(
        "first_seconds_alone",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, pre_execute=dies_once, retries=1, "
        "retry_delay=timedelta(0), durable=False, **SEND)",
    )
    assert (outcome.state, outcome.tries["send"]) == ("failed", 2)
    assert simulator.counts() == {}
    assert "It was not cleared" in capsys.readouterr().out


@pytest.fixture
def occasion():
    """Give a function that asks what Airflow says of a try."""
    from airflow_provider_aliyunsms.campaign.ledger import MemoryStore
    from airflow_provider_aliyunsms.operators.ledger_store import StoreChoice, occasion_of

    def ask(*, try_number, max_tries, retries, clear_number=0, keeps_all=True):
        ti = SimpleNamespace(run_id="run", try_number=try_number, max_tries=max_tries)
        choice = StoreChoice(store=MemoryStore(), fenced=False, keeps_all=keeps_all)
        dag_run = SimpleNamespace() if clear_number is None else SimpleNamespace(clear_number=clear_number)
        return occasion_of({"ti": ti, "dag_run": dag_run}, retries=retries, choice=choice)

    return ask


def test_an_occasion_is_one_for_all_automatic_retries_and_for_edited_ones(occasion):
    names = {
        occasion(try_number=number, max_tries=3, retries=retries).name
        for number in (1, 2, 3, 4)
        for retries in (0, 1, 3, 7)
    }
    assert len(names) == 1
    # After a Clear Airflow adds the retries to the tries that were made.
    assert occasion(try_number=3, max_tries=5, retries=3).name not in names


@pytest.mark.parametrize(
    ("changes", "untouched", "cleared"),
    [
        ({}, True, False),
        ({"keeps_all": False}, False, False),
        ({"clear_number": None}, False, False),
        ({"clear_number": 1}, False, True),
        ({"max_tries": 4}, False, True),
        ({"retries": 1}, False, True),
    ],
)
def test_a_missing_record_proves_something_only_where_nobody_had_a_hand_in_it(
    occasion, changes, untouched, cleared
):
    found = occasion(**{"try_number": 2, "max_tries": 3, "retries": 3, **changes})
    assert (found.untouched, found.cleared) == (untouched, cleared)


# ---- secrets of the hashes


def test_a_fernet_key_that_is_rotated_is_kept_behind_the_new_one(
    run_task, simulator, aliyun_connection, tmp_path, monkeypatch, capsys
):
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    send = (
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, campaign_id='spring', "
        f"ledger_path={str(tmp_path / 'ledger')!r}, **SEND)"
    )
    states = []
    for keys in (old, f"{new},{old}", new):
        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", keys)
        states.append(run_task("fernet_rotated", send).state)
        assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert states == ["success", "success", "failed"]
    assert "keep the old Fernet key behind the new one" in capsys.readouterr().out


def test_a_ledger_secret_that_is_changed_is_told(run_task, simulator, set_connection, tmp_path, capsys):
    send = (
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, campaign_id='spring', "
        f"ledger_path={str(tmp_path / 'ledger')!r}, **SEND)"
    )
    states = []
    for secret in ("one", "two", "one"):
        set_connection(
            login="testid", password="testsecret", host=simulator.url, extra={"ledger_secret": secret}
        )
        states.append(run_task("secret_changed", send).state)
        assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert states == ["success", "failed", "success"]
    assert "Give the connection the ledger_secret that it had" in capsys.readouterr().out


# ---- receipts of mapped tasks


@pytest.mark.parametrize("storage", ["", "file://"])
def test_two_mapped_tasks_do_not_write_one_file_of_receipts(
    run_task, simulator, aliyun_connection, tmp_path, storage, capsys
):
    path = tmp_path / "receipts.jsonl"
    outcome = run_task(
        "mapped_receipts",
        f"AliyunSendBatchSmsOperator.partial(receipts_path='{storage}{path}', retries=0, **SEND)"
        ".expand(recipients=[PEOPLE[:10], PEOPLE[10:]])",
    )
    assert sorted(outcome.states.values()) == ["failed", "success"]
    served = PEOPLE[:10] if outcome.states["send[0]"] == "success" else PEOPLE[10:]
    assert simulator.counts() == dict.fromkeys(served, 1), "the refused one has sent nothing"
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["phone_number"] for line in lines] == served
    assert "two mapped tasks of one run have the same file" in capsys.readouterr().out


# ---- another place between two tries


@pytest.mark.parametrize("later", ["", "None"])
def test_a_ledger_path_that_is_taken_away_between_two_tries_sends_nothing_again(
    run_task, simulator, aliyun_connection, tmp_path, later, capsys
):
    """Airflow's own store is empty then, and an automatic retry takes that for a try that never began."""
    place = f"{{{{ '{later}' if ti.try_number > 1 else '{tmp_path / 'ledger'}' }}}}"
    outcome = run_task(
        "ledger_taken_away",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, retries=2, retry_delay=timedelta(seconds=1), "
        f"post_execute=dies_afterwards, ledger_path={place!r}, **SEND)",
    )
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert outcome.state == "failed"
    assert (
        "an earlier try of this task kept its ledger at a ledger_path, or had none" in capsys.readouterr().out
    )


def test_a_ledger_that_is_wanted_after_a_try_without_one_sends_nothing_again(
    run_task, simulator, aliyun_connection, capsys
):
    outcome = run_task(
        "durable_later",
        "DurableLater(recipients=PEOPLE, retries=2, retry_delay=timedelta(seconds=1), "
        "post_execute=dies_afterwards, durable=False, **SEND)",
    )
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert outcome.state == "failed"
    assert "kept its ledger at a ledger_path, or had none" in capsys.readouterr().out


def test_a_ledger_path_that_comes_between_two_tries_sends_nothing_again(
    run_task, simulator, aliyun_connection, tmp_path, capsys
):
    place = f"{{{{ '{tmp_path / 'ledger'}' if ti.try_number > 1 else '' }}}}"
    outcome = run_task(
        "ledger_added",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, retries=2, retry_delay=timedelta(seconds=1), "
        f"post_execute=dies_afterwards, ledger_path={place!r}, **SEND)",
    )
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert outcome.state == "failed"
    assert "there is no ledger that says what it sent" in capsys.readouterr().out


@pytest.mark.parametrize("rendered", ["", "None"])
def test_a_campaign_of_several_runs_needs_the_ledger_path_that_it_names(
    run_task, simulator, aliyun_connection, tmp_path, rendered, capsys
):
    send = (
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, campaign_id='spring', retries=0, "
        "ledger_path={place!r}, **SEND)"
    )
    states = [
        run_task("ledger_of_runs", send.format(place=place)).state
        for place in (str(tmp_path / "ledger"), f"{{{{ '{rendered}' }}}}")
    ]
    assert states == ["success", "failed"]
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)
    assert "ledger_path was rendered to nothing" in capsys.readouterr().out


def test_a_rehearsal_leaves_no_note_of_its_ledger_path(run_task, simulator, aliyun_connection, tmp_path):
    rehearsal = "{{ ti.try_number == 1 }}"
    place = f"{{{{ '{tmp_path / 'ledger'}' if ti.try_number == 1 else '' }}}}"
    outcome = run_task(
        "rehearsed_elsewhere",
        "AliyunSendBatchSmsOperator(recipients=PEOPLE, retries=1, retry_delay=timedelta(seconds=1), "
        f"post_execute=dies_once_afterwards, ledger_path={place!r}, dry_run={rehearsal!r}, **SEND)",
    )
    assert outcome.state == "success"
    assert simulator.counts() == dict.fromkeys(PEOPLE, 1)


@pytest.mark.parametrize("rendered", ["", "None"])
def test_a_receipts_path_that_is_rendered_to_nothing_is_none(
    run_task, simulator, aliyun_connection, tmp_path, monkeypatch, rendered
):
    monkeypatch.chdir(tmp_path)
    outcome = run_task(
        "receipts_nowhere",
        f"AliyunSendBatchSmsOperator(recipients=PEOPLE, receipts_path='{{{{ \\'{rendered}\\' }}}}', **SEND)",
    )
    assert len(outcome.xcom("send")["receipts"]) == len(PEOPLE)
    assert not (tmp_path / "None").exists()


def test_the_log_says_once_that_a_campaign_id_protects_one_run_only(
    run_task, simulator, aliyun_connection, caplog
):
    send = "AliyunSendBatchSmsOperator(recipients=PEOPLE, campaign_id='spring', **SEND)"
    assert run_task("said_once", send).state == "success"
    assert sum("campaign_id without ledger_path" in message for message in caplog.messages) == 1

# SPDX-License-Identifier: Apache-2.0
"""The two stores of claims keep to one model, and what is damaged or missing is never taken for nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest
from guarded_campaigns import NOW, Deployment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.campaign.guards.claims import Limit, Want, open_claims
from airflow_provider_aliyunsms.campaign.ledger import PathStore
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ClaimsError, LedgerStorageError

DAY_MS = 86_400_000
SUBJECTS = (1, 2, -3)
MOST = 3
LIMITS = [Limit(MOST, DAY_MS)]


class Facts:
    """What a store needs to know of a campaign."""

    def __init__(self, deployment, *, campaign_id, now, dry_run=False, secret=b""):
        from datetime import UTC, datetime

        self.campaign_id = campaign_id
        self.surroundings, self.ledger_name, self.dry_run, self.secret = (
            deployment,
            campaign_id,
            dry_run,
            secret,
        )
        self.now = datetime.fromtimestamp(now, UTC)


def opened(store, deployment, *, campaign_id="spring", now=NOW, **facts):
    return open_claims(
        store, facts=Facts(deployment, campaign_id=campaign_id, now=now, **facts), keep_ms=DAY_MS
    )


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a store in which two campaigns have claimed, and the folder of its files."""
    root = tmp_path / "sms"
    root.mkdir()
    for name in ("a", "b", "c"):
        with opened(str(root), Deployment(), campaign_id=name) as claims:
            claims.claim([Want(1, 0, 1)], limits=LIMITS)
            claims.finish()
    (files,) = root.iterdir()
    return root, files


def look(root):
    """Return how many of a subject another campaign could have."""
    with opened(str(root), Deployment(), campaign_id="look", dry_run=True) as claims:
        (grant,) = claims.claim([Want(1, 0, 9)], limits=LIMITS)
        return grant.amount


def test_the_entries_of_a_folder_are_counted_from_one(folder):
    root, files = folder
    assert sorted(path.name for path in files.iterdir()) == [
        *(f"entry-{number:010d}.json" for number in (1, 2, 3)),
        "start.json",
    ]
    assert look(root) == 0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_entry_is_an_error(folder, number):
    root, files = folder
    (files / f"entry-{number:010d}.json").unlink()
    with pytest.raises(ClaimsError, match="missing"):
        look(root)
    with pytest.raises(ClaimsError, match="missing"), opened(str(root), Deployment()) as claims:
        claims.settle([(1, 1)], at_ms=0)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"version": 1}'])
@pytest.mark.parametrize("name", ["entry-0000000002.json", "start.json"])
def test_a_damaged_file_is_an_error(folder, name, text):
    root, files = folder
    (files / name).write_text(text)
    with pytest.raises(ClaimsError):
        look(root)


def test_every_field_of_an_entry_is_needed(folder):
    root, files = folder
    path = files / "entry-0000000002.json"
    whole = json.loads(path.read_text())
    for name in whole:
        path.write_text(json.dumps({key: value for key, value in whole.items() if key != name}))
        with pytest.raises(ClaimsError, match="entry 2"):
            look(root)
    path.write_text(json.dumps(whole))
    assert look(root) == 0


def test_an_entry_of_another_log_is_an_error(folder):
    root, files = folder
    first, second = (files / f"entry-{number:010d}.json" for number in (1, 2))
    second.write_bytes(first.read_bytes())
    with pytest.raises(ClaimsError, match="does not follow"):
        look(root)


def test_entries_without_a_start_are_an_error_and_no_new_store(folder):
    root, files = folder
    (files / "start.json").unlink()
    for dry_run in (True, False):
        with pytest.raises(ClaimsError, match="no start"):
            opened(str(root), Deployment(), dry_run=dry_run)


def test_an_entry_of_a_later_version_is_an_error(folder):
    root, files = folder
    path = files / "entry-0000000002.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(ClaimsError, match="another version"):
        look(root)


def test_entries_whose_period_is_over_may_be_deleted(folder):
    root, files = folder
    later = NOW + 10 * 86400
    for name in ("d", "e"):
        with opened(str(root), Deployment(), campaign_id=name, now=later) as claims:
            claims.claim([Want(1, 0, 2)], limits=LIMITS)
            claims.finish()
    first = json.loads((files / "start.json").read_text())["first"]
    assert first == 4
    for number in range(1, first):
        (files / f"entry-{number:010d}.json").unlink()
    with opened(str(root), Deployment(), campaign_id="f", now=later) as claims:
        assert claims.claim([Want(1, 0, 9)], limits=LIMITS)[0].amount == 0


def test_a_store_that_was_idle_for_long_goes_on(folder):
    root, files = folder
    for number in range(4):
        with opened(str(root), Deployment(), campaign_id=f"x{number}", now=NOW + 1e8) as claims:
            assert claims.claim([Want(1, 0, 1)], limits=LIMITS)[0].amount == min(1, 3 - min(number, 3))
            claims.finish()
    assert json.loads((files / "start.json").read_text())["first"] == 4


def test_a_folder_is_never_made_because_it_may_only_be_not_mounted(tmp_path):
    with pytest.raises(ClaimsError, match="does not exist"):
        opened(str(tmp_path / "sms"), Deployment())
    assert not (tmp_path / "sms").exists()


def test_a_storage_without_exclusive_creation_is_refused(tmp_path):
    class Deployed(Deployment):
        def storage_path(self, path):
            class Remote:
                fs = type("Fs", (), {"protocol": "sftp"})()
                protocol, path = "sftp", "sms"

                def __truediv__(self, name):
                    return self

            return Remote()

    with pytest.raises(LedgerStorageError):
        opened("sftp://host/sms", Deployed())


@pytest.mark.parametrize("then", ["claim", "finish"])
def test_where_a_first_write_may_be_replaced_it_is_looked_at_again(folder, monkeypatch, then):
    """As on OSS, which does not say which of two first writes at the same moment stays."""
    root, files = folder
    monkeypatch.setattr(PathStore, "claims_are_atomic", False)
    with opened(str(root), Deployment(), campaign_id="d") as claims:
        claims.claim([Want(2, 0, 1)], limits=LIMITS)
        path = files / "entry-0000000004.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "token": "of another"}))
        with pytest.raises(ClaimsError, match="replaced"):
            claims.claim([Want(3, 0, 1)], limits=LIMITS) if then == "claim" else claims.finish()
    assert not (files / "entry-0000000005.json").exists()


def test_a_folder_that_cannot_be_listed_is_an_error(folder):
    root, files = folder
    if os.geteuid():
        files.chmod(0)
    else:
        # root reads everything; a file in the place of the folder is unreadable to root, too
        files.rename(root / "elsewhere")
        files.write_text("")
    with pytest.raises(AliyunSmsError):
        look(root)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "counts.db"
    deployment = Deployment({"counts": {"kind": "sqlite", "path": str(path)}})
    with opened("sql:counts", deployment, campaign_id="a") as claims:
        claims.claim([Want(1, 0, 2)], limits=LIMITS)
    return path, deployment


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE aliyunsms_claims",
        "ALTER TABLE aliyunsms_claims RENAME COLUMN amount TO other",
        "UPDATE aliyunsms_claims_lock SET secret = 1",
    ],
)
def test_a_database_that_is_not_as_it_was_left_is_an_error(database, harm):
    path, deployment = database
    with sqlite3.connect(path) as db:
        db.execute(harm)
    with pytest.raises(ClaimsError), opened("sql:counts", deployment, campaign_id="b") as claims:
        claims.claim([Want(1, 0, 2)], limits=LIMITS)


def test_a_lock_that_went_after_the_store_was_opened_is_an_error(database):
    path, deployment = database
    with opened("sql:counts", deployment, campaign_id="b") as claims:
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM aliyunsms_claims_lock")
        with pytest.raises(ClaimsError, match="row that guards"):
            claims.claim([Want(1, 0, 2)], limits=LIMITS)


def test_a_connection_that_commits_by_itself_is_refused(tmp_path):
    class Deployed(Deployment):
        def sql_connection(self, conn_id):
            return sqlite3.connect(tmp_path / "counts.db", isolation_level=None)

    with pytest.raises(ClaimsError, match="commits every statement"), opened("sql:x", Deployed()) as claims:
        claims.claim([Want(1, 0, 2)], limits=LIMITS)


def test_a_driver_that_nobody_knows_is_refused():
    class Deployed(Deployment):
        def sql_connection(self, conn_id):
            return type("Connection", (), {"close": lambda self: None})()

    with pytest.raises(AliyunSmsError, match="driver"):
        opened("sql:x", Deployed())


def test_a_claim_that_failed_on_the_way_leaves_nothing(database, monkeypatch):
    path, deployment = database
    with opened("sql:counts", deployment, campaign_id="b") as claims:
        monkeypatch.setattr(type(claims), "_write", lambda *_, **__: 1 / 0)
        with pytest.raises(ClaimsError):
            claims.claim([Want(1, 0, 1)], limits=LIMITS)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT SUM(amount) FROM aliyunsms_claims").fetchone() == (2,)
    monkeypatch.undo()
    with opened("sql:counts", deployment, campaign_id="b") as claims:
        assert claims.claim([Want(1, 0, 1)], limits=LIMITS)[0].amount == 1


def test_rows_whose_period_is_over_are_deleted(database):
    path, deployment = database
    with opened("sql:counts", deployment, campaign_id="b", now=NOW + 4 * 86400) as claims:
        claims.claim([Want(2, 0, 1)], limits=LIMITS)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT subject FROM aliyunsms_claims").fetchall() == [(2,)]


def test_the_keys_of_a_folder_are_those_that_have_a_value(tmp_path):
    store = PathStore(root=tmp_path, campaign_id="a")
    assert store.names() == []
    store.set("one", 1)
    assert store.create("two", 2)
    (files,) = tmp_path.iterdir()
    (files / ".three.json.0123").write_text("3")
    assert sorted(store.names()) == ["one", "two"]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True),
        st.integers(0, MOST + 2),  # how many are pending
        st.integers(0, MOST + 2),  # how many of them are accepted
        st.sampled_from(["settles", "dies before sending", "dies after sending"]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("kind", ["folder", "sql"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
def test_whatever_is_tried_and_dies_no_subject_gets_more_than_the_limit(kind, actions):
    with tempfile.TemporaryDirectory() as name:
        store = name if kind == "folder" else "sql:counts"
        deployment = Deployment({"counts": {"kind": "sqlite", "path": str(Path(name) / "counts.db")}})
        sent = {campaign: dict.fromkeys(SUBJECTS, 0) for campaign in "abcd"}
        open_claims_of = {campaign: dict.fromkeys(SUBJECTS, 0) for campaign in "abcd"}
        for step, (campaign, subjects, pending, accepted, ending) in enumerate(actions):
            own, held = sent[campaign], open_claims_of[campaign]
            with opened(store, deployment, campaign_id=campaign, now=NOW + step) as claims:
                wants = [Want(subject, own[subject], own[subject] + pending) for subject in subjects]
                grants = claims.claim(wants, limits=LIMITS)
                claims.finish()
                for want, grant in zip(wants, grants, strict=True):
                    others = sum(
                        max(open_claims_of[other][want.subject], sent[other][want.subject])
                        for other in "abcd"
                        if other != campaign
                    )
                    room = max(want.used, min(want.wanted, MOST - others))
                    assert grant.amount == room
                    assert grant.others == others
                    if room > want.used:
                        held[want.subject] = room
                    if ending != "dies before sending":
                        own[want.subject] += min(accepted, room - want.used)
                if ending == "settles":
                    at_ms = int((NOW + step) * 1000) + 500
                    claims.settle([(subject, own[subject]) for subject in subjects], at_ms=at_ms)
                    claims.finish()
                    held.update({subject: own[subject] for subject in subjects})
            for subject in SUBJECTS:
                assert sum(sent[each][subject] for each in sent) <= MOST

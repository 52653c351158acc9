# SPDX-License-Identifier: Apache-2.0
"""``oss://`` as a storage of Airflow: the connections it takes, how it reads and writes, and what its errors say."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading

import pytest
from airflow.sdk import Connection
from credential_services import STALE_AT_ONCE, issued, serving
from launcher.oss import BUCKET, OssProcess

from airflow_provider_aliyunsms.campaign.ledger import PathStore
from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError, LedgerError
from airflow_provider_aliyunsms.fs.oss import get_fs, oss_place
from airflow_provider_aliyunsms.hooks.storage import file_fingerprint, open_binary, storage_path

pytestmark = pytest.mark.airflow

SECRETS = ("testsecret", "testtoken", "another-secret", "StringToSign", "OSS4-HMAC")
NUMBER = "13800001234"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    process = OssProcess(folder=tmp_path_factory.mktemp("oss"))
    process.start()
    yield process
    process.end()


@pytest.fixture
def connect(airflow_db, set_connection, server):
    """Give a function that defines a connection to the server and forgets the storages of earlier ones."""
    from airflow.sdk.io import store

    def define(*, conn_id="store", extra=None, **fields):
        store._STORE_CACHE.clear()
        given = {"login": "testid", "password": "testsecret", **fields}
        set_connection(conn_id=conn_id, **given, extra={"oss_endpoint": server.endpoint} | (extra or {}))

    yield define
    store._STORE_CACHE.clear()


@pytest.fixture
def storage(connect):
    connect()
    return get_fs("store")


@pytest.fixture
def place(tmp_path):
    """Give a folder of the bucket that no other test has."""
    return f"{BUCKET}/{tmp_path.name}"


# ---- connections


def test_airflow_knows_the_storage_by_this_package():
    from airflow.sdk.io.fs import _register_filesystems

    assert _register_filesystems()["oss"] is get_fs


def test_a_path_without_a_connection_has_the_default_one(connect, place):
    connect(conn_id="aliyun_sms_default")
    path = storage_path(f"oss://{place}/a.csv")
    path.write_bytes(b"a")
    assert path.read_bytes() == b"a"


OFFICIAL = {"auth_type": "AK", "access_key_id": "testid", "access_key_secret": "testsecret"}


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        ({}, {}),
        ({"login": "STS.testid"}, {"credential_type": "sts", "security_token": "testtoken"}),
        ({"conn_type": "alibaba_cloud", "login": None, "password": None}, OFFICIAL),
        ({"conn_type": "oss", "login": None, "password": None}, {**OFFICIAL, "region": "cn-shanghai"}),
        ({"conn_type": "oss"}, {}),
    ],
)
def test_connections_that_hold_an_access_key_are_taken(connect, place, fields, extra):
    connect(**fields, extra=extra)
    path = storage_path(f"oss://store@{place}/a.csv")
    path.write_bytes(b"a")
    with open_binary(f"oss://store@{place}/a.csv") as stream:
        assert stream.read() == b"a"


def test_an_oss_connection_of_the_official_provider_may_name_its_endpoint(connect, place, server):
    connect(conn_type="oss", extra={**OFFICIAL, "oss_endpoint": None, "endpoint": server.endpoint})
    get_fs("store").pipe_file(f"{place}/a", b"a")


def test_credentials_that_renew_themselves_are_asked_for_before_every_request(connect, place, server):
    numbers = iter(range(1, 100))

    def answer(_):
        return 200, {"Code": "Success", **issued(f"STS.renewed{next(numbers)}", lifetime=STALE_AT_ONCE)}

    with serving(answer) as service:
        url = f"{service.url}/credentials"
        connect(
            login=None, password=None, extra={"credential_type": "credentials_uri", "credentials_uri": url}
        )
        storage = get_fs("store")
        storage.pipe_file(f"{place}/a", b"a")
        assert storage.cat_file(f"{place}/a") == b"a"
    assert len({key for key in server.known("signers") if key.startswith("STS.renewed")}) > 1


@pytest.mark.parametrize(
    ("conn_type", "extra", "endpoint", "region"),
    [
        ("aliyun_sms", {"region_id": "cn-shanghai"}, "https://oss-cn-shanghai.aliyuncs.com/", "cn-shanghai"),
        (
            "aliyun_sms",
            {"region_id": "cn-hangzhou", "oss_endpoint": "https://oss-cn-beijing-internal.aliyuncs.com"},
            "https://oss-cn-beijing-internal.aliyuncs.com/",
            "cn-beijing",
        ),
        (
            "aliyun_sms",
            {"oss_endpoint": "oss-ap-southeast-1.aliyuncs.com"},
            "https://oss-ap-southeast-1.aliyuncs.com/",
            "ap-southeast-1",
        ),
        (
            "aliyun_sms",
            {"region_id": "cn-hangzhou", "oss_endpoint": "https://files.example.com"},
            "https://files.example.com/",
            "cn-hangzhou",
        ),
        (
            "oss",
            {"region": "cn-hangzhou", "region_id": "cn-beijing"},
            "https://oss-cn-hangzhou.aliyuncs.com/",
            "cn-hangzhou",
        ),
        ("aliyun_sms", {"oss_endpoint": "http://127.0.0.1:9"}, "http://127.0.0.1:9/", "cn-hangzhou"),
    ],
)
def test_the_bucket_is_where_the_connection_says(conn_type, extra, endpoint, region):
    found, where = oss_place(Connection(conn_id="c", conn_type=conn_type, extra=json.dumps(extra)))
    assert (found.url, where) == (endpoint, region)


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({}, "does not say where"),
        ({"region_id": "hangzhou!"}, "malformed"),
        ({"oss_endpoint": "http://oss-cn-hangzhou.aliyuncs.com"}, "Plain http"),
        ({"oss_endpoint": "https://key:secret@oss-cn-hangzhou.aliyuncs.com"}, "password"),
        ({"oss_endpoint": "https://files.example.com"}, "does not tell its region"),
        ({"oss_endpoint": "https://oss-accelerate-overseas.aliyuncs.com"}, "does not tell its region"),
        ({"oss_endpoint": 7}, "must be a text"),
    ],
)
def test_a_connection_that_does_not_say_where_is_refused_with_the_way_out(extra, problem):
    with pytest.raises(ConfigurationError, match=problem) as raised:
        oss_place(Connection(conn_id="c", conn_type="aliyun_sms", extra=json.dumps(extra)))
    assert raised.value.advice
    assert "secret@" not in str(raised.value)


def test_a_connection_of_another_kind_is_refused(connect):
    connect(conn_type="aws")
    with pytest.raises(ConfigurationError, match="of type aws holds no AccessKey") as raised:
        storage_path(f"oss://store@{BUCKET}/a")
    assert "aliyun_sms" in raised.value.advice


def test_a_connection_without_an_access_key_is_refused(connect):
    connect(login="", password="")
    with pytest.raises(CredentialsError, match="AccessKey ID"):
        storage_path(f"oss://store@{BUCKET}/a")


def test_a_missing_package_is_named(connect, monkeypatch):
    connect()
    monkeypatch.delitem(sys.modules, "airflow_provider_aliyunsms.fs.oss_storage", raising=False)
    monkeypatch.delattr("airflow_provider_aliyunsms.fs.oss_storage", raising=False)
    monkeypatch.setitem(sys.modules, "ossfs", None)
    with pytest.raises(ConfigurationError) as raised:
        storage_path(f"oss://store@{BUCKET}/a")
    assert "airflow-provider-aliyunsms[oss]" in raised.value.advice


def test_nothing_of_the_package_is_loaded_before_a_path_is_opened():
    code = "import sys, airflow_provider_aliyunsms.fs.oss; print({'ossfs', 'oss2', 'tenacity'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


# ---- reading and writing


def test_a_file_is_created_once(storage, place):
    storage.pipe_file(f"{place}/a", b"one", mode="create")
    with pytest.raises(FileExistsError):
        storage.pipe_file(f"{place}/a", b"two", mode="create")
    assert storage.cat_file(f"{place}/a") == b"one"
    storage.pipe_file(f"{place}/a", b"three")
    assert storage.cat_file(f"{place}/a") == b"three"


def test_of_many_processes_that_create_a_file_at_once_one_does(storage, place):
    start, created = threading.Barrier(8), []

    def create(value):
        start.wait(10)
        try:
            get_fs("store").pipe_file(f"{place}/a", value, mode="create")
        except FileExistsError:
            return
        created.append(value)

    threads = [threading.Thread(target=create, args=(bytes([number]),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert created == [storage.cat_file(f"{place}/a")]


def test_a_large_file_appears_as_a_whole_and_is_read_back(storage, place):
    content = os.urandom(11 * 2**20 + 7)
    storage.pipe_file(f"{place}/big", b"before")
    with storage.open(f"{place}/big", "wb") as stream:
        for begin in range(0, len(content), 2**20):
            stream.write(content[begin : begin + 2**20])
            assert storage.cat_file(f"{place}/big") == b"before"
    with storage.open(f"{place}/big", "rb") as stream:
        pieces = list(iter(lambda: stream.read(777_777), b""))
    assert b"".join(pieces) == content
    assert storage.cat_file(f"{place}/big", start=-5) == content[-5:]
    assert storage.cat_file(f"{place}/big", start=3, end=9) == content[3:9]


@pytest.mark.parametrize("size", [10, 6 * 2**20])
def test_a_file_whose_writing_fails_leaves_the_old_one_and_nothing_else(storage, place, server, size):
    storage.pipe_file(f"{place}/a", b"before")
    with pytest.raises(RuntimeError), storage.open(f"{place}/a", "wb") as stream:  # noqa: PT012 - one step
        stream.write(b"x" * size)
        raise RuntimeError
    assert storage.cat_file(f"{place}/a") == b"before"
    assert server.known("uploads") == set()


@pytest.mark.parametrize("mode", ["ab", "xb", "r+b"])
def test_what_oss_cannot_do_is_refused(storage, place, mode):
    with pytest.raises(NotImplementedError):
        storage.open(f"{place}/a", mode)


def test_what_another_process_has_written_is_seen_at_once(storage, place):
    other = get_fs("store")
    assert not storage.exists(f"{place}/a")
    assert not storage.find(place)
    other.pipe_file(f"{place}/a", b"one")
    assert storage.exists(f"{place}/a")
    assert storage.info(f"{place}/a")["size"] == 3
    before = file_fingerprint(f"oss://store@{place}/a")
    other.pipe_file(f"{place}/a", b"longer")
    other.pipe_file(f"{place}/b/c", b"c")
    with storage.open(f"{place}/a", "rb") as stream:
        assert stream.read() == b"longer"
    assert file_fingerprint(f"oss://store@{place}/a") != before
    assert storage.find(place) == [f"{place}/a", f"{place}/b/c"]
    assert (storage.isdir(f"{place}/b"), storage.isfile(f"{place}/b")) == (True, False)


def test_many_files_are_listed_over_several_pages(storage, place):
    names = [f"{place}/{number:03d}" for number in range(130)]
    for name in names:
        storage.pipe_file(name, b"")
    assert storage.find(place) == names


# ---- errors


def test_what_is_not_there_is_missing_and_a_bucket_is_more_than_that(storage, place):
    for look in (storage.cat_file, storage.info, lambda path: storage.open(path, "rb")):
        with pytest.raises(FileNotFoundError):
            look(f"{place}/none")
        with pytest.raises(OSError, match="NoSuchBucket") as raised:
            look("nobodys-bucket/none")
        assert not isinstance(raised.value, FileNotFoundError)


def test_a_ledger_in_a_bucket_that_is_not_there_is_no_empty_one(connect):
    connect()
    ledger = PathStore(root=storage_path("oss://store@nobodys-bucket/l"), campaign_id="c")
    with pytest.raises(LedgerError, match="could not be read"):
        ledger.get("aliyun_sms.head")
    with pytest.raises(LedgerError, match="could not be written"):
        ledger.create("claim", {"owner": "one"})


def uses(storage, path):
    yield lambda: storage.cat_file(path)
    yield lambda: storage.pipe_file(path, NUMBER.encode())
    yield lambda: storage.pipe_file(path, NUMBER.encode(), mode="create")
    yield lambda: storage.info(path)
    yield lambda: storage.exists(path)
    yield lambda: storage.ls(path)
    yield lambda: storage.find(path)


@pytest.mark.parametrize(
    ("fields", "extra", "code"),
    [
        ({"login": "notallowed"}, {}, "AccessDenied"),
        ({"login": "unknown-key-id"}, {}, "InvalidAccessKeyId"),
        ({"password": "another-secret"}, {}, "SignatureDoesNotMatch"),
        (
            {"login": "STS.testid", "password": "another-secret"},
            {"credential_type": "sts", "security_token": "testtoken"},
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_a_refusal_is_told_by_its_code_and_never_as_absence(
    connect, place, fields, extra, code, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    connect(**fields, extra=extra)
    storage = get_fs("store")
    for use in uses(storage, f"{place}/a"):
        with pytest.raises(PermissionError) as raised:
            use()
        error = raised.value
        # A look at a head has no body, and so no code.
        assert code in str(error) or "ServerError" in str(error)
        assert "request id" in str(error)
        assert (error.__cause__, error.__context__) == (None, None)
        written = f"{error!r} {storage!r} {storage.storage_options!r}"
        assert not [secret for secret in (*SECRETS, NUMBER) if secret in written]
    everything = caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in (*SECRETS, NUMBER) if secret in everything]


def test_contents_do_not_reach_the_log_at_any_level(storage, place, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    storage.pipe_file(f"{place}/a", NUMBER.encode())
    with storage.open(f"{place}/b", "wb") as stream:
        stream.write(NUMBER.encode() * 600_000)
    assert storage.cat_file(f"{place}/a") == NUMBER.encode()
    everything = caplog.text + "".join(capfd.readouterr())
    assert not [hidden for hidden in (*SECRETS, NUMBER) if hidden in everything]


def test_a_server_that_is_busy_is_asked_again(storage, place, server):
    server.plan(method="PUT", part="busy", status=503, code="ServiceUnavailable", times=2)
    storage.pipe_file(f"{place}/busy", b"a")
    server.plan(method="GET", part="busy", status=500, times=2)
    assert storage.cat_file(f"{place}/busy") == b"a"


def test_a_server_that_stays_busy_is_an_error_of_the_ledger(connect, place, server):
    connect()
    ledger = PathStore(root=storage_path(f"oss://store@{place}"), campaign_id="c")
    server.plan(method="GET", part="head", status=503, times=4)
    with pytest.raises(LedgerError, match="could not be read"):
        ledger.get("aliyun_sms.head")
    assert ledger.get("aliyun_sms.head") is None


def test_a_claim_whose_answer_is_an_error_is_still_its_owners(connect, place, server):
    connect()
    mine, other = (PathStore(root=storage_path(f"oss://store@{place}"), campaign_id="c") for _ in range(2))
    server.plan(method="PUT", part="claim", status=503, times=1, after=True)
    assert mine.create("claim", {"owner": "mine"})
    assert not other.create("claim", {"owner": "other"})


def test_a_server_that_is_gone_is_told_without_its_url(airflow_db, set_connection):
    set_connection(
        conn_id="gone", login="testid", password="testsecret", extra={"oss_endpoint": "http://127.0.0.1:9"}
    )
    for use in uses(get_fs("gone"), f"{BUCKET}/a"):
        with pytest.raises(ConnectionError, match="OSS cannot be reached") as raised:
            use()
        assert "127.0.0.1" not in str(raised.value)

# SPDX-License-Identifier: Apache-2.0
"""Credentials through the official package, from services on loopback."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading

import pytest
from credential_services import STALE_AT_ONCE, issued, serving

from airflow_provider_aliyunsms.api.credentials import Credentials, announcing
from airflow_provider_aliyunsms.api.vendor_credentials import CredentialsConfig, VendorCredentials
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    ConnectionNotMadeError,
    CredentialsError,
)

pytest.importorskip("alibabacloud_credentials")

SECRET = "very-secret-text"


def from_uri(url, **options):
    return CredentialsConfig(
        credential_type="credentials_uri", options=(("credentials_uri", url), *options.items())
    )


def success(**settings):
    return 200, {"Code": "Success", **issued("testid", **settings)}


# ---- a credentials URI --------------------


def test_a_credentials_uri_is_asked_once_and_kept():
    with serving(lambda path: success()) as service:
        provider = VendorCredentials(from_uri(f"{service.url}/role?name=sms"))
        found = [provider() for _ in range(50)]
        assert set(map(repr, found)) == {"Credentials(access_key_id='****')"}
        assert found[0] == Credentials("testid", "testsecret", "testtoken")
        assert service.asked == ["GET /role?name=sms"]


def test_credentials_about_to_expire_are_fetched_again():
    keys = iter(["one", "two", "three"])
    with serving(
        lambda path: (200, {"Code": "Success", **issued(next(keys), lifetime=STALE_AT_ONCE)})
    ) as service:
        provider = VendorCredentials(from_uri(service.url + "/"))
        assert [provider().access_key_id for _ in range(3)] == ["one", "two", "three"]


def test_two_providers_of_one_recipe_share_what_was_fetched_and_two_recipes_do_not():
    with serving(lambda path: success()) as service:
        for path in ("/a", "/a", "/b"):
            VendorCredentials(from_uri(service.url + path))()
        assert service.asked == ["GET /a", "GET /b"]


def test_many_threads_get_credentials_at_the_same_time():
    with serving(lambda path: success()) as service:
        provider = VendorCredentials(from_uri(service.url + "/threads"))
        found = []
        threads = [threading.Thread(target=lambda: found.append(provider())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 16
        assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, {"Code": "NoPermission", "Message": SECRET}, CampaignDoomedError),
        (404, SECRET, CampaignDoomedError),
        (429, SECRET, ConnectionNotMadeError),
        (500, SECRET, ConnectionNotMadeError),
        (200, SECRET, ConnectionNotMadeError),
        (200, {"Code": "Failed", "AccessKeySecret": SECRET}, ConnectionNotMadeError),
        (
            200,
            {"Code": "Success", **issued("testid", secret=SECRET) | {"Expiration": "soon"}},
            ConnectionNotMadeError,
        ),
        (200, {"Code": "Success", **issued("", secret=SECRET)}, CampaignDoomedError),
    ],
)
def test_a_failure_says_whether_it_passes_and_never_what_was_answered(status, body, kind, caplog, capfd):
    with serving(lambda path: (status, body)) as service:
        provider = VendorCredentials(from_uri(service.url + f"/failing/{status}/{len(str(body))}"))
        with caplog.at_level(logging.DEBUG), pytest.raises(kind) as caught:
            provider()
    if status == 403:
        assert caught.value.code == "NoPermission"
    written = "".join([caplog.text, str(caught.value), repr(caught.value), *capfd.readouterr()])
    assert SECRET not in written
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_a_service_that_is_not_there_is_a_failure_that_passes():
    with serving(lambda path: success()) as service:
        url = service.url
    with pytest.raises(ConnectionNotMadeError) as caught:
        VendorCredentials(from_uri(url + "/gone"))()
    assert caught.value.code == "CredentialsNotFetched"


def test_a_service_that_recovers_is_used_again():
    answers = iter([(500, "busy"), success()])
    with serving(lambda path: next(answers)) as service:
        provider = VendorCredentials(from_uri(service.url + "/recovers"))
        with pytest.raises(ConnectionNotMadeError):
            provider()
        assert provider().access_key_id == "testid"


# ---- roles, from an STS whose place only is changed --------------------


@pytest.fixture
def sts(monkeypatch):
    """STS on loopback: the package speaks https to it without a say, so its requests are led here."""
    from Tea.core import TeaCore

    real = TeaCore.do_action
    hosts = []
    with serving(lambda path: (200, {"Credentials": issued("rolekey")})) as service:

        def led_here(request, runtime_option=None):
            hosts.append(f"{request.protocol}://{request.headers['host']}")
            request.protocol, request.headers["host"] = "http", service.host
            return real(request, runtime_option)

        monkeypatch.setattr(TeaCore, "do_action", staticmethod(led_here))
        service.hosts = hosts
        yield service


def test_a_ram_role_is_assumed_with_the_access_key(sts):
    recipe = CredentialsConfig(
        credential_type="ram_role_arn",
        access_key=Credentials("basekey", "basesecret", "basetoken"),
        options=(
            ("role_arn", "acs:ram::1:role/sms"),
            ("role_session_name", "airflow"),
            ("role_session_expiration", 1800),
            ("policy", '{"Version":"1"}'),
            ("external_id", "abc"),
            ("sts_endpoint", "sts.cn-hangzhou.aliyuncs.com"),
        ),
    )
    assert VendorCredentials(recipe)() == Credentials("rolekey", "testsecret", "testtoken")
    assert sts.hosts == ["https://sts.cn-hangzhou.aliyuncs.com"]
    asked = sts.query()
    assert {
        "Action": "AssumeRole",
        "RoleArn": "acs:ram::1:role/sms",
        "RoleSessionName": "airflow",
        "DurationSeconds": "1800",
        "Policy": '{"Version":"1"}',
        "ExternalId": "abc",
        "AccessKeyId": "basekey",
        "SecurityToken": "basetoken",
    }.items() <= asked.items()


def test_a_token_file_is_traded_for_a_role_and_does_not_reach_a_log(sts, tmp_path, caplog):
    token = tmp_path / "token"
    token.write_text(SECRET)
    recipe = CredentialsConfig(
        credential_type="oidc_role_arn",
        options=(
            ("role_arn", "acs:ram::1:role/sms"),
            ("oidc_provider_arn", "acs:ram::1:oidc-provider/ack"),
            ("oidc_token_file_path", str(token)),
        ),
    )
    assert VendorCredentials(recipe)().access_key_id == "rolekey"
    assert sts.query()["OIDCToken"] == SECRET
    assert SECRET not in caplog.text


def test_a_refused_role_names_the_code_of_sts_and_nothing_else(sts, caplog):
    sts.answer = lambda path: (403, {"Code": "NoPermission", "Message": f"You {SECRET} are not authorized"})
    recipe = CredentialsConfig(
        credential_type="ram_role_arn",
        access_key=Credentials("basekey", "basesecret"),
        options=(("role_arn", "acs:ram::1:role/other"),),
    )
    with pytest.raises(CampaignDoomedError) as caught:
        VendorCredentials(recipe)()
    assert caught.value.code == "NoPermission"
    assert SECRET not in str(caught.value) + caplog.text


def test_an_unreachable_sts_does_not_log_the_token_in_its_url(monkeypatch, tmp_path, caplog, capfd):
    # nothing listens there: the package's own error holds the URL, and the URL the token
    with serving(lambda path: (200, {})) as service:
        monkeypatch.setenv("HTTPS_PROXY", service.url)
    token = tmp_path / "token"
    token.write_text(SECRET)
    recipe = CredentialsConfig(
        credential_type="oidc_role_arn",
        options=(
            ("role_arn", "acs:ram::1:role/unreachable"),
            ("oidc_provider_arn", "p"),
            ("oidc_token_file_path", str(token)),
        ),
    )
    with caplog.at_level(logging.DEBUG, logger="credentials"), pytest.raises(ConnectionNotMadeError):
        VendorCredentials(recipe)()
    assert "withheld" in caplog.text
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_a_missing_token_file_is_no_passing_failure(tmp_path):
    recipe = CredentialsConfig(
        credential_type="oidc_role_arn",
        options=(
            ("role_arn", "r"),
            ("oidc_provider_arn", "p"),
            ("oidc_token_file_path", str(tmp_path / "none")),
        ),
    )
    with pytest.raises(CampaignDoomedError, match="token file"):
        VendorCredentials(recipe)()


# ---- the ECS metadata service, reached as through a proxy --------------------


@pytest.mark.parametrize("options", [(), (("role_name", "sms-role"), ("disable_imds_v1", True))])
def test_the_role_of_an_ecs_instance(monkeypatch, options):
    def metadata(path):
        if path.endswith("/latest/api/token"):
            return 200, "metadata-token"
        if path.endswith("/security-credentials/"):
            return 200, "sms-role"
        return success()

    with serving(metadata) as service:
        monkeypatch.setenv("HTTP_PROXY", service.url)
        provider = VendorCredentials(CredentialsConfig(credential_type="ecs_ram_role", options=options))
        assert provider() == Credentials("testid", "testsecret", "testtoken")
        assert (
            service.asked[-1]
            == "GET http://100.100.100.200/latest/meta-data/ram/security-credentials/sms-role"
        )


# ---- what the environment says, in a process of its own because the package reads it when imported ----

ASK = """
from airflow_provider_aliyunsms.api.vendor_credentials import CredentialsConfig, VendorCredentials
found = VendorCredentials(CredentialsConfig(credential_type="{}"))()
print(found.access_key_id, found.security_token)
"""


def ask(credential_type, *, home, **variables):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ALIBABA")}
    environment |= {"HOME": str(home), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", **variables}
    return subprocess.run(
        [sys.executable, "-c", ASK.format(credential_type)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_default_chain_finds_the_environment_a_profile_and_a_uri(tmp_path):
    done = ask(
        "default", home=tmp_path, ALIBABA_CLOUD_ACCESS_KEY_ID="envid", ALIBABA_CLOUD_ACCESS_KEY_SECRET="s"
    )
    assert done.stdout.split() == ["envid", "None"], done.stderr
    profile = tmp_path / ".aliyun" / "config.json"
    profile.parent.mkdir()
    key = {"name": "p", "mode": "AK", "access_key_id": "cliid", "access_key_secret": "s"}
    profile.write_text(json.dumps({"current": "p", "profiles": [key]}))
    assert ask("default", home=tmp_path).stdout.split() == ["cliid", "None"]
    profile.unlink()
    with serving(lambda path: success()) as service:
        done = ask("default", home=tmp_path, ALIBABA_CLOUD_CREDENTIALS_URI=f"{service.url}/")
    assert done.stdout.split() == ["testid", "testtoken"], done.stderr


def test_an_empty_default_chain_says_so_without_a_stack_of_the_package(tmp_path):
    done = ask("default", home=tmp_path)
    assert done.returncode != 0
    assert "CampaignDoomedError" in done.stderr
    assert "None of the places" in done.stderr
    assert "CredentialException" not in done.stderr


def test_the_variables_of_a_type_fill_in_for_its_fields(tmp_path):
    with serving(lambda path: success()) as service:
        done = ask("credentials_uri", home=tmp_path, ALIBABA_CLOUD_CREDENTIALS_URI=f"{service.url}/")
    assert done.stdout.split() == ["testid", "testtoken"], done.stderr


# ---- what is missing --------------------


def test_without_the_package_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['alibabacloud_credentials'] = None\n"
        "from airflow_provider_aliyunsms.api.vendor_credentials import CredentialsConfig, VendorCredentials\n"
        "from airflow_provider_aliyunsms.exceptions import CredentialsError\n"
        "try: VendorCredentials(CredentialsConfig(credential_type='default'))\n"
        "except CredentialsError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "airflow-provider-aliyunsms[credentials]" in done.stdout, done.stderr


def test_importing_our_side_does_not_import_the_package():
    code = (
        "import sys, airflow_provider_aliyunsms.api.vendor_credentials\n"
        "print([name for name in sys.modules if name.startswith(('alibabacloud', 'Tea'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("credential_type", ["oidc_role_arn", "credentials_uri"])
def test_missing_fields_are_named(credential_type):
    with pytest.raises(CredentialsError) as caught:
        VendorCredentials(CredentialsConfig(credential_type=credential_type))
    assert {"oidc_role_arn": "oidc_provider_arn", "credentials_uri": "credentials_uri"}[
        credential_type
    ] in str(caught.value)


def test_a_recipe_shows_nothing_private():
    recipe = CredentialsConfig(
        credential_type="ram_role_arn",
        access_key=Credentials("LTAItestid99", SECRET),
        options=(("external_id", SECRET), ("role_arn", "r")),
    )
    shown = repr(recipe) + repr(VendorCredentials(recipe))
    assert SECRET not in shown
    assert "LTAItestid99" not in shown


def test_every_change_is_announced_once():
    keys = iter(["one", "one", "two", "two"])
    told = []
    provide = announcing(
        lambda: Credentials(next(keys), "s"), on_new=lambda new: told.append(new.access_key_id)
    )
    assert [provide().access_key_id for _ in range(4)] == ["one", "one", "two", "two"]
    assert told == ["one", "two"]

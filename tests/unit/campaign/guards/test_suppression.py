# SPDX-License-Identifier: Apache-2.0
"""Nobody on the list of numbers never to send to is sent to, and a list that cannot be read sends to nobody."""

from __future__ import annotations

import json
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Settlement, Spool
from airflow_provider_aliyunsms.campaign.guards import Decision, Facts, Guard, OutcomeGuard, Suppress
from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber, LearnedNumbers
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError
from airflow_provider_aliyunsms.products import CHINA, GLOBE

AUDIENCE = [f"1380000{number:04d}" for number in range(6)]
RULES = {
    CHINA.action: lambda: ChinaRules(sign_name="阿里云", template_param=None),
    GLOBE.action: lambda: GlobeRules(message="hello", template_param=None),
}


class Deployment:
    """What the operators give to guards, with local files alone."""

    def __init__(self, *, variables=(), rows=None):
        self.variables = dict(variables)
        self.rows = rows

    def open_binary(self, path):
        return Path(path).open("rb")

    def fingerprint(self, path):
        return Path(path).stat().st_mtime_ns if Path(path).exists() else None

    def storage_path(self, path):
        return Path(path)

    def variable(self, name):
        return self.variables.get(name)

    def query(self, sql, *, conn_id):
        if self.rows is None:
            raise AudienceError("recipients_sql cannot be run: OperationalError")
        yield from read_blocks(self.rows, open_binary=open)


@contextmanager
def campaign(audience=AUDIENCE, *, product=CHINA, dry_run=False, **deployment):
    with Spool() as spool:
        spool.load(
            read_blocks(list(audience), open_binary=open, number_field=product.number_field),
            rules=RULES[product.action](),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id="campaign", numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        facts = Facts(
            campaign_id="campaign",
            product=product,
            spool=spool,
            now=lambda: 0.0,
            surroundings=Deployment(**deployment),
            dry_run=dry_run,
        )
        yield facts, spool


def left(facts):
    return [number for rows in facts.pending() for number in rows.members.numbers]


def judged(guard, audience=AUDIENCE, **more):
    with campaign(audience, **more) as (facts, spool):
        verdict = guard.before_sending(facts)
        return verdict, left(facts), spool.errors()


def test_who_is_on_the_list_gets_nothing_and_the_others_do():
    verdict, still, errors = judged(Suppress([AUDIENCE[1], "13900001111"]))
    assert verdict.decision is Decision.GO
    assert still == [number for number in AUDIENCE if number != AUDIENCE[1]]
    assert errors == {"local.SUPPRESSED": 1}
    assert verdict.figures == {"suppressed": 1, "listed": 2, "learned": 0, "bad_rows": 0}


@pytest.mark.parametrize(
    "spelling",
    ["+8613800000002", "0086 138 0000 0002", "86-138-0000-0002", "138 0000 0002", "１３８００００000２"],
)
def test_all_spellings_of_a_number_are_that_number(spelling):
    assert AUDIENCE[2] not in judged(Suppress([spelling]))[1]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt"])
def test_the_list_may_be_a_file_whose_other_columns_do_not_matter(tmp_path, ending):
    path = tmp_path / f"list{ending}"
    text = {
        ".csv": f"name,phone_number,sign_name\n,{AUDIENCE[0]},【x】\nb,{AUDIENCE[3]},\n",
        ".jsonl": "".join(json.dumps({"phone_number": each}) + "\n" for each in (AUDIENCE[0], AUDIENCE[3])),
        ".txt": f"{AUDIENCE[0]}\n\n{AUDIENCE[3]}\n",
    }[ending]
    path.write_text(text, encoding="utf-8")
    for source in (str(path), path):
        assert judged(Suppress(source))[1] == [AUDIENCE[1], AUDIENCE[2], AUDIENCE[4], AUDIENCE[5]]


def test_the_list_may_be_a_query_or_a_variable():
    query = Suppress(sql="SELECT phone_number FROM opted_out", conn_id="crm")
    assert AUDIENCE[0] not in judged(query, rows=[{"phone_number": AUDIENCE[0]}])[1]
    for text in (json.dumps([AUDIENCE[0], AUDIENCE[4]]), f"{AUDIENCE[0]}\n\n{AUDIENCE[4]}\n"):
        still = judged(Suppress(variable="opted_out"), variables={"opted_out": text})[1]
        assert still == [AUDIENCE[1], AUDIENCE[2], AUDIENCE[3], AUDIENCE[5]]


@pytest.mark.parametrize(
    ("guard", "deployment"),
    [
        (Suppress("/nowhere/list.csv"), {}),
        (Suppress(sql="SELECT 1", conn_id="crm"), {}),
        (Suppress(variable="opted_out"), {}),
        (Suppress(variable="opted_out"), {"variables": {"opted_out": '["13800000001"'}}),
        (Suppress([]), {}),
        (Suppress([], learned="/nowhere"), {}),
    ],
)
def test_a_list_that_is_not_there_or_empty_sends_to_nobody_until_a_later_try(guard, deployment):
    verdict, still, _ = judged(guard, **deployment)
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, True)
    assert verdict.advice
    assert still == AUDIENCE


def test_an_empty_list_may_be_said_to_be_no_mistake():
    assert judged(Suppress([], may_be_empty=True))[0].decision is Decision.GO


def test_a_row_that_is_no_number_fails_and_is_named_without_its_cell(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"phone_number\n{AUDIENCE[0]}\n1380000\n1.38E+10\n")
    verdict, still, _ = judged(Suppress(str(path)))
    assert verdict.decision is Decision.FAIL
    assert "row 2 (line 3)" in verdict.reason
    assert "row 3 (line 4)" in verdict.reason
    assert "1380000" not in verdict.reason + verdict.advice
    assert still == AUDIENCE
    verdict, still, _ = judged(Suppress(str(path), bad_rows="ignore"))
    assert (verdict.decision, verdict.figures["bad_rows"]) == (Decision.GO, 2)
    assert AUDIENCE[0] not in still


def test_a_number_that_the_api_cannot_reach_is_a_number_all_the_same():
    verdict, still, _ = judged(Suppress(["+86 10 1234 5678", "+1 380 000 0002", "+65 8000 0000"]))
    assert (verdict.decision, verdict.figures["listed"]) == (Decision.GO, 3)
    assert still == AUDIENCE


def test_bare_digits_that_may_be_two_numbers_are_both_of_them():
    verdict, still, _ = judged(
        Suppress(["13800000002"]), ["+65 8000 0000", {"to": "+1 380 000 0002"}][:1], product=GLOBE
    )
    assert (verdict.decision, verdict.figures["listed"]) == (Decision.GO, 2)
    assert still == ["6580000000"]


def test_globe_knows_the_number_by_its_country_code():
    assert judged(Suppress(["0065 8000 0000"]), ["+65 8000 0000", "+65 8000 0001"], product=GLOBE)[1] == [
        "6580000001"
    ]


def test_no_number_stands_in_the_repr():
    assert repr(Suppress(AUDIENCE, learned="s3://bucket/learned")) == (
        "Suppress(<6 numbers>, learned='s3://bucket/learned')"
    )
    assert "1380000" not in repr(Suppress(sql="SELECT 13800000001", conn_id="crm"))
    for text in (AUDIENCE[0], json.dumps(AUDIENCE)):
        with pytest.raises(ConfigurationError) as caught:
            Suppress(text)
        assert "1380000" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"source": ""},
        {"source": "None"},
        {"source": [], "learned": ""},
        {"variable": "None"},
        {"source": [], "variable": "x"},
        {"sql": "SELECT 1"},
        {"source": 5},
        {"source": [], "bad_rows": "no"},
    ],
)
def test_a_guard_without_exactly_one_list_is_a_mistake_in_the_dag(given):
    with pytest.raises(ConfigurationError):
        Suppress(**given)


def settle(spool, *, code, count=2, outcome="rejected"):
    (members,) = [*spool.unsettled(batch=100)]
    spool.settle(
        out_id="o", biz_id=None, time="t", settlements=[Settlement(members.keys[:count], outcome, code)]
    )


def test_who_the_gateway_refused_for_having_opted_out_is_left_out_of_the_next_campaign(tmp_path):
    guard = Suppress(learned=str(tmp_path / "learned"))
    assert isinstance(guard, OutcomeGuard)
    with campaign() as (facts, spool):
        assert guard.before_sending(facts).decision is Decision.GO
        settle(spool, code="isv.BLACK_KEY_CONTROL_LIMIT")
        guard.after_sending(facts)
        guard.after_sending(facts)
    (file,) = (tmp_path / "learned").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "learned").stat().st_mode) == 0o700
    verdict, still, _ = judged(guard)
    assert still == AUDIENCE[2:]
    assert verdict.figures["learned"] == 2


@pytest.mark.parametrize(
    "code", ["isv.MOBILE_NUMBER_ILLEGAL", "isv.BUSINESS_LIMIT_CONTROL", "local.SUPPRESSED"]
)
def test_who_was_refused_for_another_reason_is_not_learned(tmp_path, code):
    guard = Suppress(learned=str(tmp_path / "learned"))
    with campaign() as (facts, spool):
        settle(spool, code=code)
        guard.after_sending(facts)
    assert not (tmp_path / "learned").exists()


def test_a_rehearsal_learns_nothing(tmp_path):
    guard = Suppress(learned=str(tmp_path / "learned"))
    with campaign(dry_run=True) as (facts, spool):
        settle(spool, code="isv.CUSTOMER_REFUSED")
        guard.after_sending(facts)
    assert not (tmp_path / "learned").exists()


def test_a_keyword_of_globe_that_is_called_like_an_opt_out_is_none(tmp_path):
    guard = Suppress(learned=str(tmp_path / "learned"))
    with campaign(["+65 8000 0000"], product=GLOBE) as (facts, spool):
        settle(spool, code="BLACK_KEY_CONTROL_LIMIT")
        guard.after_sending(facts)
    assert not (tmp_path / "learned").exists()


def test_a_learned_file_that_is_damaged_sends_to_nobody(tmp_path):
    LearnedNumbers(tmp_path).add([LearnedNumber("8613800000001", "MOBILE_IN_BLACK")])
    (tmp_path / "other.csv").write_text("phone_number,code\n+861380\n")
    verdict, still, _ = judged(Suppress(learned=str(tmp_path)))
    assert verdict.decision is Decision.FAIL
    assert still == AUDIENCE


def test_learned_numbers_are_kept_on_any_storage_that_fsspec_knows(tmp_path):
    fsspec = pytest.importorskip("fsspec")

    class MemoryPath:
        def __init__(self, path):
            self.path, self.fs, self.protocol = path, fsspec.filesystem("memory"), "memory"

        def __truediv__(self, name):
            return MemoryPath(f"{self.path}/{name}")

        def __str__(self):
            return f"memory://{self.path}"

    folder = LearnedNumbers(MemoryPath(f"/{tmp_path.name}/learned"), secret=b"secret")
    assert folder.paths() == []
    found = [LearnedNumber("8613800000001", "MOBILE_IN_BLACK")]
    assert [folder.add(found), folder.add(found), folder.add([])] == [1, 1, 0]
    (path,) = folder.paths()
    with fsspec.open(path) as stream:
        assert stream.read() == b"phone_number,code\n+8613800000001,MOBILE_IN_BLACK\n"


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99), min_size=1))
def test_exactly_those_on_the_list_are_left_out(people, listed):
    audience = [f"1380000{number:04d}" for number in sorted(people)] + ["13900000000"]
    guard: Guard = Suppress([f"+86 1380000{number:04d}" for number in listed])
    verdict, still, _ = judged(guard, audience)
    assert {int(number[-4:]) for number in still[:-1]} == people - listed
    assert verdict.figures["suppressed"] == len(people & listed)


def test_a_row_without_a_number_column_is_no_guess(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"mobile\n{AUDIENCE[0]}\n")
    assert judged(Suppress(str(path)))[0].decision is Decision.FAIL
    mapped = Suppress(str(path), column_mapping={"mobile": "phone_number"})
    assert AUDIENCE[0] not in judged(mapped)[1]

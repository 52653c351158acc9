# SPDX-License-Identifier: Apache-2.0
"""Preflight against a simulator over HTTP: it passes by what the vendor says, and never without it."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import ExitStack, closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.audience.recipients import Members, recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool, SpoolRows
from airflow_provider_aliyunsms.campaign.channels import ChinaChannel
from airflow_provider_aliyunsms.campaign.guards import Decision, Facts, Preflight
from airflow_provider_aliyunsms.campaign.guards.preflight import Survey, filing_counts, variables_of
from airflow_provider_aliyunsms.campaign.ports import Signature, Template
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import CHINA, GLOBE
from airflow_provider_aliyunsms.simulator.server import running

TEXT = "亲爱的${name}，您的积分为${points}。"
OFFER = f"{TEXT}拒收请回复R"
GOOD = {"name": "张三", "points": "7"}
ABROAD = "+85251001234"
ACTIONS = ("GetSmsTemplate", "GetSmsSign")
MiB = 1024 * 1024


def mainland(place):
    return f"1380000{place:04d}"


def people(count, **fields):
    return [{"phone_number": mainland(place), "template_param": GOOD, **fields} for place in range(count)]


@pytest.fixture(scope="module")
def shared_simulator():
    with running(delivery_delay=0) as one:
        yield one


@pytest.fixture
def simulator(shared_simulator):
    shared_simulator.reset()
    shared_simulator.templates({"SMS_7": TEXT})
    return shared_simulator


def china_channel(endpoint):
    client = AliyunSmsClient(
        credentials=static_credentials(Credentials("testid", "testsecret")),
        china=endpoint,
        globe=endpoint,
        transport=Transport(connect_timeout=2.0, read_timeout=2.0),
        read_retries=ReadRetries(attempts=2, first_wait=0.001, longest_wait=0.002),
    )
    return client, ChinaChannel(client=client, template_code="SMS_7")


@pytest.fixture
def facts_of(simulator):
    """Make the facts of an audience, with a vendor over HTTP; another endpoint may lead nowhere."""
    with ExitStack() as stack:

        def make(rows, *, product=CHINA, endpoint=None, rules=None, **settings):
            spool = stack.enter_context(Spool())
            spool.load(
                read_blocks(rows, open_binary=open, number_field=product.number_field),
                rules=rules or ChinaRules(sign_name="阿里云", template_param=None, international=True),
                keys_of=lambda numbers, contents: recipient_keys(
                    campaign_id="c", numbers=numbers, contents=contents, dedupe="content"
                ),
            )
            client, channel = china_channel(endpoint or Endpoint(scheme="http", host=simulator.endpoint))
            stack.enter_context(closing(client))
            known = {"template_code": "SMS_7", "vendor": channel} if product is CHINA else {}
            return Facts(
                campaign_id="c",
                product=product,
                spool=spool,
                now=lambda: 1_800_000_000.0,
                **{**known, **settings},
            )

        yield make


def judge(facts, **settings):
    verdict = Preflight(**settings).before_sending(facts)
    json.dumps(verdict.figures)
    assert (verdict.advice is None) == (verdict.decision is Decision.GO)
    return verdict


# --- it passes --------------------------------------------------------------------------------------------


def test_a_campaign_that_can_be_sent_goes_and_costs_two_read_calls(facts_of, simulator):
    verdict = judge(facts_of(people(30)))
    assert verdict.decision is Decision.GO
    assert verdict.figures == {
        "calls": 2,
        "recipients": 30,
        "signatures": 1,
        "variables": 2,
        "surplus_variables": 0,
        "recipients_lacking_a_value": 0,
        "filing": {carrier: {"filed": 1} for carrier in ("mobile", "unicom", "telecom")},
    }
    assert simulator.stats()["requests"] == dict.fromkeys(ACTIONS, 1)
    assert simulator.counts() == {}


def test_a_second_guard_costs_no_further_call(facts_of, simulator):
    facts = facts_of(people(1))
    assert [judge(facts).decision for _ in range(2)] == [Decision.GO, Decision.GO]
    assert simulator.stats()["requests"] == dict.fromkeys(ACTIONS, 1)


def test_each_signature_is_asked_for_once(facts_of, simulator):
    simulator.signatures({"测试": {"carriers": {"unicom": "not filed"}}})
    rows = people(4)
    rows[1]["sign_name"] = rows[3]["sign_name"] = "测试"
    verdict = judge(facts_of(rows))
    assert (verdict.decision, verdict.figures["signatures"]) == (Decision.GO, 2)
    assert verdict.figures["filing"]["unicom"] == {"filed": 1, "not filed": 1}
    assert simulator.stats()["requests"]["GetSmsSign"] == 2


# --- the template -----------------------------------------------------------------------------------------


def test_a_template_that_does_not_exist_stops_it(facts_of):
    verdict = judge(facts_of(people(2), template_code="SMS_999"))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "no such template" in verdict.reason
    assert "template_code" in verdict.advice


@pytest.mark.parametrize(
    ("status", "may_change"), [("in review", True), ("rejected", False), ("cancelled", False)]
)
def test_a_template_that_is_not_approved_stops_it(facts_of, simulator, status, may_change):
    simulator.templates({"SMS_7": {"text": TEXT, "status": status}})
    verdict = judge(facts_of(people(2)))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, may_change)
    assert f"not approved: {status}" in verdict.reason


def test_a_template_of_another_kind_than_wanted_stops_it(facts_of, simulator):
    simulator.templates({"SMS_7": {"text": OFFER, "kind": "promotion"}})
    assert judge(facts_of(people(2)), kind="promotion").decision is Decision.GO
    verdict = judge(facts_of(people(2)), kind="notification")
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "promotion, not notification" in verdict.reason


def test_an_international_template_is_not_for_the_mainland(facts_of, simulator):
    simulator.templates({"SMS_7": {"text": TEXT, "kind": "international"}})
    abroad = {"phone_number": ABROAD, "template_param": GOOD}
    assert judge(facts_of([abroad])).decision is Decision.GO
    verdict = judge(facts_of([abroad, *people(2)]))
    assert verdict.decision is Decision.FAIL
    assert "for numbers abroad, and of 3 recipients 2 are not" in verdict.reason


def test_a_template_for_the_mainland_is_not_for_numbers_abroad(facts_of):
    verdict = judge(facts_of([{"phone_number": ABROAD, "template_param": GOOD}, *people(2)]))
    assert verdict.decision is Decision.FAIL
    assert "for mainland numbers, and of 3 recipients 1 are not" in verdict.reason


class KindNobodyKnows:
    def template(self, *, code):
        return Template(code=code, text=TEXT, status="approved", kind="7")

    def signature(self, *, name):
        return Signature(name=name, status="approved")


def test_a_kind_that_nobody_knows_stops_it(facts_of):
    verdict = judge(facts_of(people(1), vendor=KindNobodyKnows()))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "not known: 7" in verdict.reason


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (TEXT, "promotion", "does not end with 拒收请回复R"),
        (OFFER, "notification", "belongs to promotional texts only"),
        (TEXT, "otp", "a number gets 1 a minute"),
    ],
)
def test_what_carriers_may_refuse_is_told(facts_of, simulator, text, kind, told):
    simulator.templates({"SMS_7": {"text": text, "kind": kind}})
    verdict = judge(facts_of(people(2)))
    assert verdict.decision is Decision.GO
    assert told in verdict.reason


@pytest.mark.parametrize(("text", "kind"), [(TEXT, "notification"), (OFFER, "promotion")])
def test_nothing_is_told_of_a_text_that_is_as_it_should_be(facts_of, simulator, text, kind):
    simulator.templates({"SMS_7": {"text": text, "kind": kind}})
    assert "拒收" not in judge(facts_of(people(2))).reason


# --- the variables ----------------------------------------------------------------------------------------


def test_rows_without_a_value_stop_it_and_the_variable_is_named(facts_of):
    verdict = judge(facts_of(people(3, template_param={"name": "李四", "city": "x"})))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "Of 3 recipients 3 lack a value for a variable of the template (points)" in verdict.reason
    assert (verdict.figures["recipients"], verdict.figures["recipients_lacking_a_value"]) == (3, 3)


def test_of_many_variables_without_a_value_a_few_are_named(facts_of, simulator):
    simulator.templates({"SMS_7": "".join(f"{place}${{v{place}}}" for place in range(7))})
    assert "(v0, v1, v2, v3, v4, ...)" in judge(facts_of(people(1))).reason


def test_a_default_of_the_task_is_a_value(facts_of):
    rules = ChinaRules(sign_name="阿里云", template_param={"points": "0"})
    rows = [{"phone_number": mainland(1), "template_param": {"name": "李四"}}]
    assert judge(facts_of(rows, rules=rules)).decision is Decision.GO


def test_a_name_in_other_letters_is_another_variable(facts_of):
    rows = [{"phone_number": mainland(1), "template_param": {"Name": "李四", "points": "7"}}]
    verdict = judge(facts_of(rows))
    assert verdict.decision is Decision.FAIL
    assert verdict.figures["surplus_variables"] == 1


def test_variables_that_the_text_does_not_use_are_told(facts_of):
    verdict = judge(facts_of(people(2, template_param={**GOOD, "city": "a", "street": "b"})))
    assert (verdict.decision, verdict.figures["surplus_variables"]) == (Decision.GO, 2)
    assert "does not use: 2." in verdict.reason
    assert "city" not in verdict.reason


def test_only_those_who_would_be_sent_to_are_looked_at(facts_of):
    rows = people(3)
    rows[2]["sign_name"] = "没有"
    facts = facts_of(rows)
    for found in facts.pending():
        facts.leave_out([found.places[-1]], code="local.DUPLICATE")
    verdict = judge(facts)
    assert (verdict.decision, verdict.figures["recipients"]) == (Decision.GO, 2)


@pytest.mark.parametrize(
    ("text", "names"), [("x", set()), ("${a}${ b }${a}", {"a", "b"}), ("${姓名}，$b {c} ${d", {"姓名"})]
)
def test_the_variables_of_a_text(text, names):
    assert variables_of(text) == names


# --- the signatures ---------------------------------------------------------------------------------------


def test_a_signature_that_does_not_exist_stops_it(facts_of):
    rows = people(2)
    rows[1]["sign_name"] = "没有"
    verdict = judge(facts_of(rows))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "Signature 2 of 2 does not exist" in verdict.reason


@pytest.mark.parametrize(
    ("status", "may_change"), [("in review", True), ("rejected", False), ("cancelled", False)]
)
def test_a_signature_that_is_not_approved_stops_it(facts_of, simulator, status, may_change):
    simulator.signatures({"阿里云": {"status": status}})
    verdict = judge(facts_of(people(1)))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, may_change)
    assert f"The signature is not approved: {status}" in verdict.reason


@pytest.mark.parametrize(
    ("filing", "stops", "may_change"),
    [
        ("filed", False, False),
        ("filed but unverified", False, False),
        ("filing", True, True),
        ("failed", True, False),
        ("lapsed", True, False),
        ("not filed", True, False),
    ],
)
def test_filing_is_told_and_stops_it_only_on_request(facts_of, simulator, filing, stops, may_change):
    simulator.signatures({"阿里云": {"carriers": {"telecom": filing}}})
    told = judge(facts_of(people(1)))
    assert told.decision is Decision.GO
    assert f"telecom: {filing} (1)" in told.reason
    assert told.figures["filing"]["telecom"] == {filing: 1}
    verdict = judge(facts_of(people(1)), unfiled="fail")
    assert (verdict.decision is Decision.FAIL, verdict.may_change) == (stops, may_change)
    assert (f"(telecom: {filing})" in verdict.reason) == stops


class SilentOnCarriers:
    def template(self, *, code):
        return Template(code=code, text=TEXT, status="approved", kind="notification")

    def signature(self, *, name):
        return Signature(name=name, status="approved")


def test_a_vendor_that_says_nothing_of_carriers_is_no_yes(facts_of):
    told = judge(facts_of(people(1), vendor=SilentOnCarriers()))
    assert told.figures["filing"] == {carrier: {"unknown": 1} for carrier in ("mobile", "unicom", "telecom")}
    assert told.decision is Decision.GO
    verdict = judge(facts_of(people(1), vendor=SilentOnCarriers()), unfiled="fail")
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)


def test_too_many_signatures_stop_it_before_any_is_asked_for(facts_of, simulator):
    rows = [row | {"sign_name": f"签名{place}"} for place, row in enumerate(people(4))]
    verdict = judge(facts_of(rows), max_signatures=3)
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "more than 3 different signatures" in verdict.reason
    assert "max_signatures" in verdict.advice
    assert simulator.stats()["requests"] == {"GetSmsTemplate": 1}
    simulator.signatures({f"签名{place}": {} for place in range(4)})
    assert judge(facts_of(rows), max_signatures=4).decision is Decision.GO


def test_filing_counts_leave_out_what_does_not_exist():
    filed = Signature(name="a", status="approved", carriers={"mobile": "filed", "virtual": "9"})
    assert filing_counts([None, filed]) == {
        "mobile": {"filed": 1},
        "unicom": {"unknown": 1},
        "telecom": {"unknown": 1},
        "virtual": {"9": 1},
    }


# --- several problems, and none of their secrets ------------------------------------------------------------


def test_all_problems_are_named_at_once_and_one_that_stays_is_final(facts_of, simulator):
    simulator.templates({"SMS_7": {"text": TEXT, "status": "in review"}})
    simulator.signatures({"阿里云": {"status": "rejected"}})
    verdict = judge(facts_of([{"phone_number": mainland(1), "template_param": {"name": "李四"}}]))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    for part in ("in review", "(points)", "rejected"):
        assert part in verdict.reason
    simulator.signatures({"阿里云": {"status": "in review"}})
    assert judge(facts_of(people(1))).may_change


def test_a_verdict_holds_no_number_value_text_or_signature(facts_of, simulator):
    simulator.signatures({"测试": {"status": "rejected"}})
    for sign_name in ("阿里云", "测试", "没有"):
        verdict = judge(facts_of([*people(1, sign_name=sign_name), *people(2)[1:]]), unfiled="fail")
        shown = repr(verdict)
        for private in (mainland(0), "张三", sign_name, "亲爱的", "您的积分"):
            assert private not in shown


# --- when it cannot judge ---------------------------------------------------------------------------------

FAULTS = {
    "permission of RAM": {"fault": "refuse", "code": "isp.RAM_PERMISSION_DENY"},
    "permission of the gateway": {"fault": "refuse", "code": "Forbidden.RAM", "status": 403},
    "arrears": {"fault": "refuse", "code": "isv.OUT_OF_SERVICE"},
    "a code that nobody knows": {"fault": "refuse", "code": "isv.NEVER_HEARD_OF"},
    "no data": {"fault": "refuse", "code": "DATA_NOT_EXIST"},
    "busy": {"fault": "throttle"},
    "lost": {"fault": "drop_before"},
    "cut short": {"fault": "truncate_after"},
    "empty": {"fault": "empty_after"},
    "a page of a proxy": {"fault": "garbage"},
    "out of order": {"fault": "error_503"},
    "system error": {"fault": "system_error_after"},
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_vendor_that_does_not_answer_never_lets_it_pass(facts_of, simulator, fault, action):
    simulator.misbehave(**FAULTS[fault], action=action, times=None)
    verdict = judge(facts_of(people(2)))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, True)
    assert f"dysms:{action}" in verdict.advice
    assert ("about the template" in verdict.reason) == (action == "GetSmsTemplate")
    assert verdict.figures["calls"] == 1 + ACTIONS.index(action)
    assert simulator.stats()["accepted"] == 0


def test_what_was_found_before_the_vendor_fell_silent_is_told(facts_of, simulator):
    simulator.templates({"SMS_7": {"text": TEXT, "status": "rejected"}})
    simulator.misbehave("garbage", action="GetSmsSign", times=None)
    verdict = judge(facts_of(people(1)))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert "about signature 1 of 1" in verdict.reason
    assert "not approved: rejected" in verdict.reason


def test_a_passing_fault_is_asked_past(facts_of, simulator):
    for action in ACTIONS:
        simulator.misbehave("garbage", action=action)
    assert judge(facts_of(people(2))).decision is Decision.GO


def test_a_gateway_that_is_not_there_stops_it(facts_of):
    verdict = judge(facts_of(people(1), endpoint=Endpoint(scheme="http", host="127.0.0.1:9")))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, True)


@pytest.mark.parametrize("missing", [{"vendor": None}, {"template_code": None}, {"template_code": ""}])
def test_a_campaign_that_cannot_ask_stops(facts_of, missing):
    verdict = judge(facts_of(people(1), **missing))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)


class NoText(SilentOnCarriers):
    def template(self, *, code):
        return Template(code=code, text=" ", status="approved", kind="notification")


def test_a_template_without_a_text_is_no_template_without_variables(facts_of):
    verdict = judge(facts_of([{"phone_number": mainland(1)}], vendor=NoText()))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, True)


# --- other countries --------------------------------------------------------------------------------------


def globe_facts(facts_of, *numbers):
    rules = GlobeRules(message="Hello", template_param=None, refused_regions=())
    return facts_of([*numbers], product=GLOBE, rules=rules)


def test_numbers_abroad_go_without_a_call_and_it_says_what_is_not_known(facts_of, simulator):
    verdict = judge(globe_facts(facts_of, "+6581234567", "+12125550123"))
    assert verdict.decision is Decision.GO
    assert "sender ID is approved" in verdict.reason
    assert verdict.figures == {"calls": 0, "recipients": 2, "mainland_recipients": 0}
    assert simulator.stats()["requests"] == {}


def test_a_mainland_number_stops_what_cannot_reach_it(facts_of):
    verdict = judge(globe_facts(facts_of, "+6581234567", f"+86{mainland(1)}"))
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
    assert verdict.figures["mainland_recipients"] == 1


# --- the pass over the audience -----------------------------------------------------------------------------


def block(*params, sign_name="阿里云"):
    contents = [
        json.dumps(
            {"message": "", "sign_name": sign_name, "sms_up_extend_code": "", "template_param": param},
            ensure_ascii=False,
        )
        for param in params
    ]
    numbers = [mainland(place) for place in range(len(params))]
    keys = tuple(range(len(params)))
    return SpoolRows(
        members=Members(keys=keys, numbers=tuple(numbers), contents=tuple(contents)),
        outcomes=["pending"] * len(params),
        places=[*range(len(params))],
        codes=[None] * len(params),
    )


def survey_of(*blocks, text=TEXT):
    template = Template(code="SMS_7", text=text, status="approved", kind="notification")
    return Survey.of(iter(blocks), templates=[template], max_signatures=20)


@given(
    st.lists(
        st.lists(
            st.dictionaries(st.sampled_from(["name", "points", "city", "p"]), st.sampled_from(["", "x"])),
            min_size=1,
            max_size=4,
        ),
        max_size=4,
    )
)
def test_rows_are_counted_as_one_by_one(blocks):
    found = survey_of(*(block(*params) for params in blocks))
    rows = [param for params in blocks for param in params]
    lacking = {name: sum(not row.get(name) for row in rows) for name in ("name", "points")}
    assert found.recipients == len(rows)
    assert found.missing == {name: count for name, count in lacking.items() if count}
    assert found.lacking == sum(not (row.get("name") and row.get("points")) for row in rows)
    assert found.surplus == {name for row in rows for name in row} - {"name", "points"}


def test_names_without_end_do_not_fill_the_memory():
    """Each row brings variables of its own, as a table read sideways does."""

    def blocks():
        for start in range(0, 100_000, 1000):
            yield block(*({f"v{start + place}": "x"} for place in range(1000)))

    tracemalloc.start()
    found = Survey.of(
        blocks(), templates=[Template(code="c", text=TEXT, status="approved", kind="otp")], max_signatures=20
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.recipients, found.lacking) == (100_000, 100_000)
    assert len(found.surplus) <= 1000
    assert peak < 4 * MiB


def test_the_pass_ends_with_the_first_signature_too_many():
    def blocks():
        for place in range(50):
            yield block({}, sign_name=f"签名{place}")

    found = Survey.of(blocks(), templates=[None], max_signatures=20)
    assert (found.has_too_many_signatures, found.recipients) == (True, 21)


# --- the whole judgement, against its rule in one line -------------------------------------------------------

STATES = ["approved", "in review", "rejected", "cancelled", "7"]
FILINGS = ["filed", "filed but unverified", "filing", "failed", "lapsed", "not filed", "9"]
KINDS = ["otp", "notification", "promotion", "international", "8"]


@given(
    template=st.none()
    | st.builds(
        Template,
        code=st.just("c"),
        text=st.just("${a}"),
        status=st.sampled_from(STATES),
        kind=st.sampled_from(KINDS),
    ),
    signature=st.none()
    | st.builds(
        Signature,
        name=st.just("阿里云"),
        status=st.sampled_from(STATES),
        carriers=st.dictionaries(st.sampled_from(["mobile", "unicom", "telecom"]), st.sampled_from(FILINGS)),
    ),
    param=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "x"])),
    unfiled=st.sampled_from(["go", "fail"]),
    kind=st.none() | st.sampled_from(KINDS[:4]),
)
def test_it_goes_exactly_when_nothing_speaks_against_it(template, signature, param, unfiled, kind):
    facts = SimpleNamespace(
        product=CHINA,
        vendor="asked below",
        template_codes=("c",),
        templates={"c": template},
        signature=lambda name: signature,
        pending=lambda: iter([block(param)]),
    )
    filed = signature and len(signature.carriers) == 3 and {*signature.carriers.values()} <= {*FILINGS[:2]}
    good = (
        template is not None
        and template.status == "approved"
        and template.kind in KINDS[:3]  # the number is a mainland one
        and kind in (None, template.kind)
        and bool(param.get("a"))
        and signature is not None
        and signature.status == "approved"
        and bool(unfiled == "go" or filed)
    )
    verdict = judge(facts, unfiled=unfiled, kind=kind)
    assert (verdict.decision is Decision.GO) == good
    assert verdict.reason


# --- its parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"unfiled": "skip"},
        {"unfiled": None},
        {"kind": "spam"},
        {"max_signatures": 0},
        {"max_signatures": True},
        {"max_signatures": "20"},
    ],
)
def test_a_wrong_parameter_is_refused_when_the_dag_file_is_parsed(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Preflight(**wrong)


def test_every_template_of_a_split_is_looked_at():
    known = {
        "SMS_1": Template(code="SMS_1", text="${a}", status="approved", kind="notification"),
        "SMS_2": Template(code="SMS_2", text="${a} ${b}", status="in review", kind="notification"),
    }

    def judged(param):
        return Preflight().before_sending(
            SimpleNamespace(
                product=CHINA,
                vendor="asked below",
                template_codes=tuple(known),
                templates=known,
                signature=lambda name: Signature(name=name, status="approved"),
                pending=lambda: iter([block(param)]),
            )
        )

    verdict = judged({"a": "1"})
    assert verdict.decision == "fail"
    assert "in review" in verdict.reason
    assert "(b)" in verdict.reason
    assert verdict.figures["calls"] == 3
    known["SMS_2"] = replace(known["SMS_2"], status="approved")
    assert "2 templates" in judged({"a": "1", "b": "2"}).reason

# SPDX-License-Identifier: Apache-2.0
"""Carry out the calls of the 2017-05-25 API (China) for messages: two that send, and the query for records."""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.apis.fields import missing, read_number, read_texts, read_variables
from airflow_provider_aliyunsms.simulator.memory import (
    CARRIERS,
    LONGEST_TEXT,
    Approval,
    Draft,
    Sent,
    Submission,
    TemplateKind,
    broken_limit,
)
from airflow_provider_aliyunsms.simulator.numbers import canonical_number, carrier_of, china_refusal
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, china_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.memory import Message, State
    from airflow_provider_aliyunsms.simulator.numbers import Carrier


BATCH_LIMIT = 100
COMMA_LIMIT = 1000
_TEMPLATE_CODE = re.compile(r"SMS_[0-9]+")
_JSON_PARAM = "isv.INVALID_JSON_PARAM"
_UNEQUAL = Refusal("isv.INVALID_PARAMETERS", "The JSON arrays must have equal lengths.")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Rows:
    """The columns of a send request; values at the same index belong to the same number."""

    numbers: Sequence[str]
    sign_names: Sequence[str]
    variables: Sequence[object]
    extend_codes: Sequence[str]


def send_batch_sms(state: State, call: Call) -> Reply | Refusal:
    """
    Send one template to up to 100 numbers, each with a signature and variables of its own.

    One bad number makes the API refuse the request; ``accepts_in_part`` says whether the others get it all the same.

    API: https://help.aliyun.com/document_detail/102364.htm
    """
    absent = missing(call.values, "PhoneNumberJson", "SignNameJson", "TemplateCode")
    rows = absent or _batch_rows(call.values)
    return rows if isinstance(rows, Refusal) else _send(state, call, rows)


def send_sms(state: State, call: Call) -> Reply | Refusal:
    """
    Send one template with the same signature and variables to up to 1000 comma-separated numbers.

    One bad number makes the API refuse the whole request.
    """
    absent = missing(call.values, "PhoneNumbers", "SignName", "TemplateCode")
    rows = absent or _comma_rows(call.values)
    return rows if isinstance(rows, Refusal) else _send(state, call, rows)


def _batch_rows(values: Mapping[str, str]) -> _Rows | Refusal:
    numbers = read_texts(values["PhoneNumberJson"], code=_JSON_PARAM)
    if isinstance(numbers, Refusal):
        return numbers
    if len(numbers) > BATCH_LIMIT:
        return Refusal("isv.MOBILE_COUNT_OVER_LIMIT", f"At most {BATCH_LIMIT} numbers per request.")
    sign_names = read_texts(values["SignNameJson"], code=_JSON_PARAM)
    if isinstance(sign_names, Refusal):
        return sign_names
    variables = _parameter_objects(values.get("TemplateParamJson"), count=len(numbers))
    if isinstance(variables, Refusal):
        return variables
    extend_codes: list[str] | Refusal = []
    if values.get("SmsUpExtendCodeJson"):
        extend_codes = read_texts(values["SmsUpExtendCodeJson"], code=_JSON_PARAM)
    if isinstance(extend_codes, Refusal):
        return extend_codes
    if len(sign_names) != len(numbers) or len(extend_codes) not in (0, len(numbers)):
        return _UNEQUAL
    return _Rows(numbers=numbers, sign_names=sign_names, variables=variables, extend_codes=extend_codes)


def _parameter_objects(raw: str | None, *, count: int) -> list[object] | Refusal:
    if not raw:
        return [{}] * count
    items = _parse(raw)
    if not isinstance(items, list):
        return Refusal(_JSON_PARAM, "TemplateParamJson is not a JSON array.")
    return items if len(items) == count else _UNEQUAL


def _comma_rows(values: Mapping[str, str]) -> _Rows | Refusal:
    numbers = values["PhoneNumbers"].split(",")
    if len(numbers) > COMMA_LIMIT:
        return Refusal("isv.MOBILE_COUNT_OVER_LIMIT", f"At most {COMMA_LIMIT} numbers per request.")
    variables = _parse(values["TemplateParam"]) if values.get("TemplateParam") else {}
    code = values.get("SmsUpExtendCode")
    return _Rows(
        numbers=numbers,
        sign_names=[values["SignName"]] * len(numbers),
        variables=[variables] * len(numbers),
        extend_codes=[code] * len(numbers) if code else [],
    )


def _parse(raw: str) -> object:
    try:
        parsed: object = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return parsed


def _send(state: State, call: Call, rows: _Rows) -> Reply | Refusal:
    values = call.values
    refusal = _check_labels(state, values) or _check_sign_names(state, rows)
    if refusal is not None:
        return refusal
    drafts = _drafts(state, rows, template_code=values["TemplateCode"])
    if isinstance(drafts, Refusal):
        return drafts
    refuse = _RecipientCheck(state, call)
    refusals = [
        _malformed(raw) if draft is None else refuse(draft)
        for raw, draft in zip(rows.numbers, drafts, strict=True)
    ]
    refusal = next((one for one in refusals if one is not None), None)
    good = [draft for draft, bad in zip(drafts, refusals, strict=True) if draft is not None and bad is None]
    if refusal is not None and not (good and state.options.accepts_in_part):
        return refusal
    submission = Submission(
        api="china",
        action=call.action,
        biz_id=f"{secrets.randbelow(9 * 10**17) + 10**17}^0",
        label=values.get("OutId") or None,
        template_code=values["TemplateCode"],
        sender=None,
        accepted_at=state.now(),
        account=call.account,
    )
    # Only after all checks: a refused request must leave no message, unless it is to be accepted in part.
    state.accept(submission, good)
    return refusal or china_reply(BizId=submission.biz_id)


class _RecipientCheck:
    """Refuse single recipients of one request for their number, the template's kind or the limits per number."""

    def __init__(self, state: State, call: Call) -> None:
        self._state = state
        self._account = call.account
        self._template_code = call.values["TemplateCode"]
        self._kind = state.templates.kind_of(self._template_code)
        self._limits = state.options.limits_frequency
        self._may_refuse = self._limits or self._kind is TemplateKind.INTERNATIONAL
        self._now = state.now()
        # What the request itself brings counts before it is accepted: it may name a number twice.
        self._here: defaultdict[str, list[Sent]] = defaultdict(list)

    def __call__(self, draft: Draft) -> Refusal | None:
        """Return the refusal for a recipient, None for none; then it counts against the limits."""
        refusal = china_refusal(draft.number)
        if refusal is not None or not self._may_refuse or carrier_of(draft.number) is None:
            return refusal
        if self._kind is TemplateKind.INTERNATIONAL:
            return Refusal("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", "国际/港澳台消息模板不支持发送境内号码")
        return self._check_frequency(draft) if self._limits else None

    def _check_frequency(self, draft: Draft) -> Refusal | None:
        message = Sent(
            at=self._now,
            account=self._account,
            sign_name=draft.sign_name,
            template_code=self._template_code,
        )
        here = self._here[draft.number]
        earlier = chain(reversed(here), map(_sent, self._state.inbox.of(draft.number)))
        broken = broken_limit(message, earlier=earlier, kind_of=self._state.templates.kind_of)
        if broken is None:
            here.append(message)
            return None
        return Refusal("isv.BUSINESS_LIMIT_CONTROL", f"触发{broken.level}流控Permits:{broken.permits}")


def _sent(message: Message) -> Sent:
    submission = message.submission
    return Sent(
        at=submission.accepted_at,
        account=submission.account,
        sign_name=message.sign_name,
        template_code=submission.template_code,
    )


def _check_labels(state: State, values: Mapping[str, str]) -> Refusal | None:
    code = values["TemplateCode"]
    template = state.templates.get(code)
    known = template is not None or not state.options.refuses_undefined
    if not known or not _TEMPLATE_CODE.fullmatch(code) or code == "SMS_404":
        return Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    if template is not None and template.status is not Approval.APPROVED:
        return Refusal("isv.SMS_TEMPLATE_ILLEGAL", "模板未审核通过")
    if len(values.get("OutId", "")) >= 256:
        return Refusal("isv.INVALID_PARAMETERS", "OutId must have fewer than 256 characters.")
    return None


def _check_sign_names(state: State, rows: _Rows) -> Refusal | None:
    for name in {*rows.sign_names}:
        signature = state.signatures.get(name)
        known = signature is not None or not state.options.refuses_undefined
        if not known or not name or name == "未报备":
            return Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if signature is not None and signature.status is not Approval.APPROVED:
            return Refusal("isv.SMS_SIGNATURE_ILLEGAL", "签名未审核通过")
    owners: dict[str, str] = {}
    for code, name in zip(rows.extend_codes, rows.sign_names, strict=False):
        if owners.setdefault(code, name) != name:
            return Refusal("isv.EXTEND_CODE_ERROR", "One extension code is used with several signatures.")
    return None


def _malformed(raw: str) -> Refusal:
    return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{raw}invalid mobile number")


def _drafts(state: State, rows: _Rows, *, template_code: str) -> list[Draft | None] | Refusal:
    """Return one draft for each row, None for a malformed number; a refusal when another value is wrong."""
    errors = {
        name: _carrier_errors(state, sign_name=name, template_code=template_code)
        for name in {*rows.sign_names}
    }
    drafts: list[Draft | None] = []
    for raw, sign_name, item in zip(rows.numbers, rows.sign_names, rows.variables, strict=True):
        number = canonical_number(raw)
        variables = read_variables(item)
        if isinstance(variables, Refusal):
            return variables
        content = state.templates.render(code=template_code, sign_name=sign_name, values=variables)
        if content is None:
            return Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值")
        if len(content) > LONGEST_TEXT:
            return Refusal(
                "isv.PARAM_LENGTH_LIMIT", f"A message must have at most {LONGEST_TEXT} characters."
            )
        if number is None:
            drafts.append(None)
            continue
        wrong = errors[sign_name]
        carrier = carrier_of(number) if wrong else None
        drafts.append(
            Draft(
                number,
                content,
                sign_name=sign_name,
                carrier_error="" if carrier is None else wrong.get(carrier, ""),
            )
        )
    return drafts


def _carrier_errors(state: State, *, sign_name: str, template_code: str) -> Mapping[Carrier, str]:
    """Return the codes with which carriers of mainland numbers will refuse a message, by carrier."""
    signature = state.signatures.get(sign_name)
    template = state.templates.get(template_code)
    errors: dict[Carrier, str] = {}
    if template is not None and template.lacks_opt_out:
        errors = dict.fromkeys(CARRIERS, "CONTENT_ERROR")
    if signature is not None:
        unfiled = [carrier for carrier in CARRIERS if not signature.filing(carrier).lets_through]
        errors |= dict.fromkeys(unfiled, "PORT_NOT_REGISTERED")
    return errors


BEIJING = timezone(timedelta(hours=8))
_STATUS = {"pending": 1, "failed": 2, "delivered": 3}
_MANY = 10**9


def query_send_details(state: State, call: Call) -> Reply | Refusal:
    """
    Return the messages that one number received on one day (UTC+8), a page of up to 50 at a time.

    Messages are found only once they are older than ``record_lag``.

    API: https://help.aliyun.com/document_detail/419277.html
    """
    values = call.values
    absent = missing(values, "PhoneNumber", "SendDate", "PageSize", "CurrentPage")
    if absent is not None:
        return absent
    number = canonical_number(values["PhoneNumber"])
    if number is None:
        return _malformed(values["PhoneNumber"])
    day = _read_day(values["SendDate"])
    size = read_number(values["PageSize"], least=1, most=50)
    page = read_number(values["CurrentPage"], least=1, most=_MANY)
    if day is None or size is None or page is None:
        return Refusal("isv.INVALID_PARAMETERS", "SendDate, PageSize or CurrentPage is not valid.")
    found = [
        message
        for message in state.inbox.of(number)
        if message.submission.account == call.account
        and _matches(state, message, day=day, biz_id=values.get("BizId"))
    ]
    rows = [_row(state, message) for message in found[(page - 1) * size : page * size]]
    return china_reply(TotalCount=len(found), SmsSendDetailDTOs={"SmsSendDetailDTO": rows})


def beijing_time(moment: float) -> datetime:
    """Return a Unix time as the UTC+8 time that the China product shows."""
    return datetime.fromtimestamp(moment, BEIJING)


def _read_day(raw: str) -> str | None:
    try:
        parsed = datetime.strptime(raw, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return raw if parsed.strftime("%Y%m%d") == raw else None


def _matches(state: State, message: Message, *, day: str, biz_id: str | None) -> bool:
    submission = message.submission
    return (
        submission.api == "china"
        and (not biz_id or submission.biz_id == biz_id)
        and f"{beijing_time(submission.accepted_at):%Y%m%d}" == day
        and state.is_recorded(message)
    )


def _row(state: State, message: Message) -> dict[str, object]:
    outcome = state.outcome(message)
    row: dict[str, object] = {
        "PhoneNum": message.number,
        "SendStatus": _STATUS[outcome.verdict],
        "ErrCode": outcome.err_code,
        "TemplateCode": message.submission.template_code,
        "Content": message.content,
        "SendDate": f"{beijing_time(message.submission.accepted_at):%Y-%m-%d %H:%M:%S}",
        "OutId": (message.submission.label or "") if state.options.shows_out_id else "",
    }
    if outcome.at is not None:
        row["ReceiveDate"] = f"{beijing_time(outcome.at):%Y-%m-%d %H:%M:%S}"
    return row

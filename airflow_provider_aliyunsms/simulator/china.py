# SPDX-License-Identifier: Apache-2.0
"""The sending actions of the 2017-05-25 API: SendBatchSms and SendSms."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.fields import missing, read_texts, read_variables
from airflow_provider_aliyunsms.simulator.inbox import Draft, Submission
from airflow_provider_aliyunsms.simulator.numbers import canonical_number, china_refusal
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, china_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.state import State

BATCH_LIMIT = 100
COMMA_LIMIT = 1000
_TEMPLATE_CODE = re.compile(r"SMS_[0-9]+")
_JSON_PARAM = "isv.INVALID_JSON_PARAM"
_UNEQUAL = Refusal("isv.INVALID_PARAMETERS", "The JSON arrays must have equal lengths.")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Rows:
    """The columns of a send request, aligned by index."""

    numbers: Sequence[str]
    sign_names: Sequence[str]
    variables: Sequence[object]
    extend_codes: Sequence[str]


def send_batch_sms(state: State, call: Call) -> Reply | Refusal:
    """https://help.aliyun.com/document_detail/102364.htm."""
    absent = missing(call.values, "PhoneNumberJson", "SignNameJson", "TemplateCode")
    rows = absent or _batch_rows(call.values)
    return rows if isinstance(rows, Refusal) else _send(state, call, rows)


def send_sms(state: State, call: Call) -> Reply | Refusal:
    """Send one text to up to 1000 comma-separated numbers."""
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
    except ValueError:
        return None
    return parsed


def _send(state: State, call: Call, rows: _Rows) -> Reply | Refusal:
    values = call.values
    refusal = _check_labels(values) or _check_sign_names(rows)
    if refusal is not None:
        return refusal
    drafts = _drafts(state, rows, template_code=values["TemplateCode"])
    if isinstance(drafts, Refusal):
        return drafts
    for draft in drafts:
        refusal = china_refusal(draft.number)
        if refusal is not None:
            return refusal
    submission = Submission(
        api="china",
        action=call.action,
        biz_id=f"{secrets.randbelow(9 * 10**17) + 10**17}^0",
        label=values.get("OutId") or None,
        template_code=values["TemplateCode"],
        sender=None,
        accepted_at=time.time(),
    )
    state.accept(submission, drafts)
    return china_reply(BizId=submission.biz_id)


def _check_labels(values: Mapping[str, str]) -> Refusal | None:
    if not _TEMPLATE_CODE.fullmatch(values["TemplateCode"]) or values["TemplateCode"] == "SMS_404":
        return Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    if len(values.get("OutId", "")) >= 256:
        return Refusal("isv.INVALID_PARAMETERS", "OutId must have fewer than 256 characters.")
    return None


def _check_sign_names(rows: _Rows) -> Refusal | None:
    if any(not name or name == "未报备" for name in rows.sign_names):
        return Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
    owners: dict[str, str] = {}
    for code, name in zip(rows.extend_codes, rows.sign_names, strict=False):
        if owners.setdefault(code, name) != name:
            return Refusal("isv.EXTEND_CODE_ERROR", "One extension code is used with several signatures.")
    return None


def _drafts(state: State, rows: _Rows, *, template_code: str) -> list[Draft] | Refusal:
    drafts = []
    for raw, sign_name, item in zip(rows.numbers, rows.sign_names, rows.variables, strict=True):
        number = canonical_number(raw)
        if number is None:
            return Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{raw}invalid mobile number")
        variables = read_variables(item)
        if isinstance(variables, Refusal):
            return variables
        content = state.templates.render(code=template_code, sign_name=sign_name, values=variables)
        if content is None:
            return Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值")
        drafts.append(Draft(number, content))
    return drafts

# SPDX-License-Identifier: Apache-2.0
"""Carry out the queries of the 2017-05-25 API for templates and signatures; they know those that were defined."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.apis.fields import missing, read_number
from airflow_provider_aliyunsms.simulator.memory import CARRIERS, Approval, Filing, TemplateKind
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, china_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.memory import Signature, State, Template

_DATE: Final = "2026-01-02 03:04:05"
_ORDER: Final = "10000001"
_OWN: Final = 2
_MANY: Final = 10**9

_STATUS: Final = {
    Approval.IN_REVIEW: 0,
    Approval.APPROVED: 1,
    Approval.REJECTED: 2,
    Approval.CANCELLED: 10,
}
_LISTED_STATUS: Final = {
    Approval.IN_REVIEW: "AUDIT_STATE_INIT",
    Approval.APPROVED: "AUDIT_STATE_PASS",
    Approval.REJECTED: "AUDIT_STATE_NOT_PASS",
    Approval.CANCELLED: "AUDIT_STATE_CANCEL",
}
# As the documentation of QuerySmsTemplateList spells it.
_LISTED_TEMPLATE_STATUS: Final = {**_LISTED_STATUS, Approval.CANCELLED: "AUDIT_SATE_CANCEL"}
_KIND: Final = {
    TemplateKind.OTP: 0,
    TemplateKind.NOTIFICATION: 1,
    TemplateKind.PROMOTION: 2,
    TemplateKind.INTERNATIONAL: 3,
}
# The same kinds as QuerySmsTemplateList numbers them in TemplateType.
_LISTED_KIND: Final = {
    TemplateKind.NOTIFICATION: 0,
    TemplateKind.PROMOTION: 1,
    TemplateKind.OTP: 2,
    TemplateKind.INTERNATIONAL: 6,
}
_FILING: Final = {
    Filing.FILED: 3,
    Filing.UNVERIFIED: 1,
    Filing.FILING: -1,
    Filing.FAILED: 0,
    Filing.LAPSED: 2,
    Filing.NOT_FILED: -2,
}
_FILING_REASON: Final = {
    Filing.FILED: "DETECT_SUCCESS",
    Filing.UNVERIFIED: "DETECTING",
    Filing.FILING: "REGISTERING",
    Filing.FAILED: "QUALIFICATION_ERROR",
    Filing.LAPSED: "NO_SEND_RECORD",
    Filing.NOT_FILED: "NON_REGISTER",
}


def get_sms_template(state: State, call: Call) -> Reply | Refusal:
    """
    Return one template with its text; refuse for a code that was not defined, also where sends accept it.

    API: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmstemplate
    """
    absent = missing(call.values, "TemplateCode")
    if absent is not None:
        return absent
    code = call.values["TemplateCode"]
    template = state.templates.get(code)
    if template is None:
        return Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    fields: dict[str, object] = {
        "TemplateCode": code,
        "TemplateName": code,
        "TemplateContent": template.text,
        # Texts in this reply, where GetSmsSign has a number.
        "TemplateStatus": str(_STATUS[template.status]),
        "TemplateType": str(_KIND[template.kind]),
        "TemplateTag": _OWN,
        "CreateDate": _DATE,
        "OrderId": _ORDER,
        "Remark": "",
        "AuditInfo": _audit_info(template.status),
    }
    if template.kind is TemplateKind.INTERNATIONAL:
        fields["IntlType"] = 0
    if template.variables:
        fields["VariableAttribute"] = json.dumps(dict(template.variables), ensure_ascii=False)
    return china_reply(**fields)


def get_sms_sign(state: State, call: Call) -> Reply | Refusal:
    """
    Return one signature with its filing; refuse for a name that was not defined, also where sends accept it.

    API: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmssign
    """
    absent = missing(call.values, "SignName")
    if absent is not None:
        return absent
    name = call.values["SignName"]
    signature = state.signatures.get(name)
    if signature is None:
        return Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
    return china_reply(
        SignName=name,
        SignStatus=_STATUS[signature.status],
        SignTag=str(_OWN),
        SignIspRegisterDetailList=_filings(signature),
        CreateDate=_DATE,
        OrderId=_ORDER,
        Remark="",
        ThirdParty=False,
        AuditInfo=_audit_info(signature.status),
    )


def query_sms_template_list(state: State, call: Call) -> Reply | Refusal:
    """List the defined templates, a page of up to 50 at a time."""
    rows = [_template_row(code, template) for code, template in state.templates.all().items()]
    return _listed(call, "SmsTemplateList", rows)


def query_sms_sign_list(state: State, call: Call) -> Reply | Refusal:
    """List the defined signatures, a page of up to 50 at a time; at the start there is one."""
    rows = [_sign_row(name, signature) for name, signature in state.signatures.all().items()]
    return _listed(call, "SmsSignList", rows)


def _listed(call: Call, name: str, rows: Sequence[Mapping[str, object]]) -> Reply | Refusal:
    page = read_number(call.values.get("PageIndex", "1"), least=1, most=_MANY)
    size = read_number(call.values.get("PageSize", "10"), least=1, most=50)
    if page is None or size is None:
        return Refusal("isv.INVALID_PARAMETERS", "PageIndex or PageSize is not valid.")
    shown = [*rows[(page - 1) * size : page * size]]
    return china_reply(**{name: shown}, TotalCount=len(rows), CurrentPage=page, PageSize=size)


def _template_row(code: str, template: Template) -> dict[str, object]:
    return {
        "TemplateCode": code,
        "TemplateName": code,
        "TemplateContent": template.text,
        "AuditStatus": _LISTED_TEMPLATE_STATUS[template.status],
        "OuterTemplateType": _KIND[template.kind],
        "TemplateType": _LISTED_KIND[template.kind],
        "CreateDate": _DATE,
        "OrderId": _ORDER,
        "Reason": _reason(template.status),
    }


def _sign_row(name: str, signature: Signature) -> dict[str, object]:
    return {
        "SignName": name,
        "AuditStatus": _LISTED_STATUS[signature.status],
        "BusinessType": "验证码类型",
        "CreateDate": _DATE,
        "OrderId": _ORDER,
        "Reason": _reason(signature.status),
    }


def _filings(signature: Signature) -> list[dict[str, object]]:
    found = []
    for carrier in CARRIERS:
        filing = signature.filing(carrier)
        entry: dict[str, object] = {
            "OperatorCode": carrier,
            "RegisterStatus": _FILING[filing],
            "RegisterStatusReasons": [{"ReasonCode": _FILING_REASON[filing], "ReasonDescList": []}],
        }
        if filing.lets_through:
            entry["OperatorCompleteTime"] = _DATE
        found.append(entry)
    return found


def _audit_info(status: Approval) -> dict[str, object]:
    if status is Approval.IN_REVIEW:
        return {}
    return {"AuditDate": _DATE, "RejectInfo": _rejection(status)}


def _reason(status: Approval) -> dict[str, object]:
    return {"RejectInfo": _rejection(status) or "无审批备注"}


def _rejection(status: Approval) -> str:
    return "内容不符合规范" if status is Approval.REJECTED else ""

# SPDX-License-Identifier: Apache-2.0
"""
Make the results of the calls out of the fields of responses whose code is OK.

A send was accepted then, so what cannot be read of its ids is None. A query whose answer cannot be read, or
contradicts itself, raises an error: taken for "there is none", it could lead to a second message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.models import (
    GlobeResponse,
    MessageStatus,
    SendDetail,
    SendDetailsPage,
    SendResponse,
    SignResponse,
    TemplateResponse,
)
from airflow_provider_aliyunsms.api.responses import (
    UNREADABLE,
    code_of,
    id_of,
    ids_of,
    label_of,
    mapping_of,
    number_of,
    request_id_of,
    rows_of,
    text_of,
    texts_of,
)
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.responses import ResponseFields


def send_response_of(fields: ResponseFields) -> SendResponse:
    """Return the id in the response to a send of the 2017-05-25 API."""
    return SendResponse(biz_id=id_of(fields, "BizId"), request_id=request_id_of(fields))


def globe_response_of(fields: ResponseFields) -> GlobeResponse:
    """Return the ids and numbers in the response to a send of the 2018-05-01 API; None for what cannot be read."""
    return GlobeResponse(
        request_id=request_id_of(fields),
        success_count=number_of(fields, "SuccessCount"),
        failed=texts_of(fields, "FailedList"),
        message_ids=ids_of(fields, "MessageIdList"),
        ids_given=fields.get("MessageIdList") not in (None, ""),
    )


def page_of(fields: ResponseFields, *, page_size: int) -> SendDetailsPage:
    """
    Return the page of records in a response.

    :raises AmbiguousOutcomeError: it cannot be read, or contradicts itself.
    """
    rows = rows_of(fields, "SmsSendDetailDTOs", "SmsSendDetailDTO")
    total = number_of(fields, "TotalCount")
    if rows is None or total is None or total < 0 or len(rows) > page_size:
        # Returning an empty page instead would mean "nothing was sent", and a message could be sent twice.
        raise _unreadable("QuerySendDetails: the records cannot be read.", fields)
    return SendDetailsPage(
        total_count=total,
        details=tuple(_send_detail(row) for row in rows),
        request_id=request_id_of(fields),
    )


def _unreadable(message: str, fields: ResponseFields) -> AmbiguousOutcomeError:
    return AmbiguousOutcomeError(
        message, code=UNREADABLE, request_id=request_id_of(fields), advice="Look in the console."
    )


def template_of(fields: ResponseFields, *, code: str) -> TemplateResponse:
    """
    Return the template in a response.

    :raises AmbiguousOutcomeError: it is another one, or its text, state or kind cannot be read.
    """
    content, status, kind = (
        text_of(fields, "TemplateContent"),
        number_of(fields, "TemplateStatus"),
        number_of(fields, "TemplateType"),
    )
    if text_of(fields, "TemplateCode") != code.strip() or content is None or status is None or kind is None:
        raise _unreadable("GetSmsTemplate: the template cannot be read.", fields)
    return TemplateResponse(
        content=content,
        status=status,
        kind=kind,
        variables=mapping_of(fields, "VariableAttribute"),
        request_id=request_id_of(fields),
    )


def sign_of(fields: ResponseFields, *, name: str) -> SignResponse:
    """
    Return the signature in a response.

    :raises AmbiguousOutcomeError: it is another one, or its state or filing cannot be read.
    """
    status = number_of(fields, "SignStatus")
    rows = rows_of(fields, "SignIspRegisterDetailList", "SignIspRegisterDetailList")
    filings = [
        ((code_of(row, "OperatorCode") or "").lower(), number_of(row, "RegisterStatus")) for row in rows or ()
    ]
    carriers = {carrier: state for carrier, state in filings if carrier and state is not None}
    if (
        text_of(fields, "SignName") != name.strip()
        or status is None
        or rows is None
        # Also when a carrier occurs twice: then one of its states would be lost.
        or len(carriers) != len(filings)
    ):
        raise _unreadable("GetSmsSign: the signature cannot be read.", fields)
    return SignResponse(status=status, carriers=carriers, request_id=request_id_of(fields))


def message_status_of(fields: ResponseFields, *, message_id: str) -> MessageStatus:
    """Return the status of a message in a response; None where it cannot be read."""
    return MessageStatus(
        status=number_of(fields, "Status"),
        error_code=code_of(fields, "ErrorCode"),
        message_id=message_id,
        request_id=request_id_of(fields),
    )


def _send_detail(row: ResponseFields) -> SendDetail:
    return SendDetail(
        phone_number=text_of(row, "PhoneNum") or "",
        send_status=number_of(row, "SendStatus") or 0,
        err_code=code_of(row, "ErrCode"),
        out_id=label_of(row, "OutId"),
        send_date=label_of(row, "SendDate"),
        receive_date=label_of(row, "ReceiveDate"),
        template_code=label_of(row, "TemplateCode"),
    )

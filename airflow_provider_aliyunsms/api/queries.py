# SPDX-License-Identifier: Apache-2.0
"""The read calls of both APIs: free, without effect, repeated on passing errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.calls import Caller
from airflow_provider_aliyunsms.api.models import MessageStatus, SendDetail, SendDetailsPage, SignListAnswer
from airflow_provider_aliyunsms.api.responses import (
    UNREADABLE,
    is_no_record,
    number_of,
    request_id_of,
    rows_of,
    text_of,
)
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.api.responses import Answer


class Queries(Caller):
    """What became of a message, and whether a connection works."""

    def query_send_details(
        self,
        *,
        phone_number: str,
        send_date: str,
        page_size: int = 50,
        current_page: int = 1,
        biz_id: str | None = None,
    ) -> SendDetailsPage:
        """
        Look up what was sent to one number on one day. Free; repeated on passing errors.

        https://help.aliyun.com/document_detail/419277.html

        :param phone_number: one number.
        :param send_date: ``yyyyMMdd`` in UTC+8, within the last 30 days.
        :param page_size: 1 to 50.
        :param current_page: from 1.
        :param biz_id: only this send.
        :raises ApiError: the last attempt's.
        """
        form = {
            "PhoneNumber": phone_number,
            "SendDate": send_date,
            "PageSize": str(page_size),
            "CurrentPage": str(current_page),
        }
        if biz_id:
            form["BizId"] = biz_id
        return self._read_retries.call(lambda: self._send_details(form))

    def query_message(self, *, message_id: str) -> MessageStatus:
        """
        Look up one message of the 2018-05-01 API. Free; repeated on passing errors.

        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

        :param message_id: an id from :meth:`batch_send_message_to_globe`.
        :raises ApiError: the last attempt's; no record, or none yet, is a status of None and no error.
        """
        return self._read_retries.call(lambda: self._message_status(message_id))

    def query_sms_sign_list(self, *, page_index: int = 1, page_size: int = 1) -> SignListAnswer:
        """
        List signatures, to test a connection: free and without effect; repeated on passing errors.

        https://help.aliyun.com/document_detail/419282.html

        :param page_index: from 1.
        :param page_size: 1 to 50.
        :raises CampaignDoomedError: key, secret or permission is wrong.
        """
        form = {"PageIndex": str(page_index), "PageSize": str(page_size)}
        answer = self._read_retries.call(lambda: self._call("QuerySmsSignList", form))
        return SignListAnswer(total_count=number_of(answer, "TotalCount"), request_id=request_id_of(answer))

    def _send_details(self, form: Mapping[str, str]) -> SendDetailsPage:
        try:
            answer = self._call("QuerySendDetails", form)
        except AmbiguousOutcomeError as error:
            if is_no_record(error, globe=False):
                return SendDetailsPage(total_count=0, details=(), request_id=error.request_id)
            raise
        rows = rows_of(answer, "SmsSendDetailDTOs", "SmsSendDetailDTO")
        total = number_of(answer, "TotalCount")
        if rows is None or total is None:
            # An empty page would read as "nothing was sent".
            raise AmbiguousOutcomeError(
                "QuerySendDetails: the records cannot be read.",
                code=UNREADABLE,
                request_id=request_id_of(answer),
                advice="Look in the console.",
            )
        return SendDetailsPage(
            total_count=total,
            details=tuple(_send_detail(row) for row in rows),
            request_id=request_id_of(answer),
        )

    def _message_status(self, message_id: str) -> MessageStatus:
        try:
            answer = self._call("QueryMessage", {"MessageId": message_id}, globe=True)
        except AmbiguousOutcomeError as error:
            if is_no_record(error, globe=True):
                return MessageStatus(
                    status=None, error_code=None, message_id=message_id, request_id=error.request_id
                )
            raise
        return MessageStatus(
            status=number_of(answer, "Status"),
            error_code=text_of(answer, "ErrorCode"),
            message_id=message_id,
            request_id=request_id_of(answer),
        )


def _send_detail(row: Answer) -> SendDetail:
    return SendDetail(
        phone_number=text_of(row, "PhoneNum") or "",
        send_status=number_of(row, "SendStatus") or 0,
        err_code=text_of(row, "ErrCode"),
        out_id=text_of(row, "OutId"),
        send_date=text_of(row, "SendDate"),
        receive_date=text_of(row, "ReceiveDate"),
        template_code=text_of(row, "TemplateCode"),
    )

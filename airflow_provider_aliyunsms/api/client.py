# SPDX-License-Identifier: Apache-2.0
"""
The calls of both APIs that this package makes.

Send calls make one attempt: the APIs are not idempotent, and a repeated call is a second message on a phone. Read
calls are in ``queries.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.forms import batch_sms_form, globe_form, sms_form
from airflow_provider_aliyunsms.api.models import GlobeResponse, SendResponse
from airflow_provider_aliyunsms.api.queries import Queries
from airflow_provider_aliyunsms.api.responses import number_of, request_id_of, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.api.forms import JsonTexts
    from airflow_provider_aliyunsms.api.responses import Answer
    from airflow_provider_aliyunsms.api.signature import Envelope


class AliyunSmsClient(Queries):
    """
    Both APIs behind one door; safe to share between threads.

    :param credentials: asked before every signature; a replay after a lost answer is signed as its first copy was.
    :param china: the endpoint of the 2017-05-25 API.
    :param globe: the endpoint of the 2018-05-01 API.
    :param transport: makes the attempts; closed by :meth:`close`.
    :param read_retries: how read calls are repeated.
    """

    def send_batch_sms(
        self,
        *,
        phone_numbers: Sequence[str],
        sign_names: Sequence[str],
        template_code: str,
        template_params: Sequence[Mapping[str, str]] | JsonTexts | None = None,
        sms_up_extend_codes: Sequence[str] | None = None,
        out_id: str | None = None,
        envelope: Envelope | None = None,
    ) -> SendResponse:
        """
        Send one template to up to 100 numbers, each with its own signature and variables. Costs money.

        One attempt, never repeated here. Acceptance says nothing about single numbers; receipts do.
        https://help.aliyun.com/document_detail/102364.html

        :param phone_numbers: 1 to 100 numbers.
        :param sign_names: one signature per number, without brackets.
        :param template_code: one approved template.
        :param template_params: one mapping of variables per number.
        :param sms_up_extend_codes: one extension code per number.
        :param out_id: label of the request, below 256 characters; returned in receipts and records.
        :param envelope: an earlier date and nonce, to replay an identical request.
        :raises NotSentError: not accepted, may be sent again; ``InvalidTimeStamp.Expired`` after a replay
            speaks of the replay only.
        :raises RequestRefusedError: not accepted; a number, a text or the request is wrong.
        :raises CampaignDoomedError: not accepted, and nothing else of the campaign would be.
        :raises AmbiguousOutcomeError: it may have been accepted; code ``SignatureNonceUsed`` after a replay
            means that the gateway had seen the first copy.
        :raises ValueError: the lists are empty or differ in length.
        """
        form = batch_sms_form(
            phone_numbers=phone_numbers,
            sign_names=sign_names,
            template_code=template_code,
            template_params=template_params,
            sms_up_extend_codes=sms_up_extend_codes,
            out_id=out_id,
        )
        return _send_answer(self._call("SendBatchSms", form, envelope=envelope))

    def send_sms(
        self,
        *,
        phone_numbers: Sequence[str],
        sign_name: str,
        template_code: str,
        template_param: Mapping[str, str] | None = None,
        sms_up_extend_code: str | None = None,
        out_id: str | None = None,
        envelope: Envelope | None = None,
    ) -> SendResponse:
        """
        Send one text to up to 1000 numbers. Costs money.

        One attempt, never repeated here; errors as in :meth:`send_batch_sms`.
        https://help.aliyun.com/document_detail/419273.html

        :param phone_numbers: 1 to 1000 numbers.
        :param sign_name: the signature, without brackets.
        :param template_code: one approved template.
        :param template_param: the variables, the same for everyone.
        :param sms_up_extend_code: extension code for replies.
        :param out_id: label of the request, below 256 characters.
        :param envelope: an earlier date and nonce, to replay an identical request.
        :raises ApiError: see :meth:`send_batch_sms`.
        """
        form = sms_form(
            phone_numbers=phone_numbers,
            sign_name=sign_name,
            template_code=template_code,
            template_param=template_param,
            sms_up_extend_code=sms_up_extend_code,
            out_id=out_id,
        )
        return _send_answer(self._call("SendSms", form, envelope=envelope))

    def batch_send_message_to_globe(
        self,
        *,
        to: Sequence[str],
        messages: Sequence[str],
        message_type: str | None = None,
        sender_id: str | None = None,
        task_id: str | None = None,
        validity_period: int | None = None,
        channel_id: str | None = None,
        envelope: Envelope | None = None,
    ) -> GlobeResponse:
        """
        Send free texts to up to 1000 numbers outside the mainland. Costs money, even when delivery fails.

        One attempt, never repeated here; errors as in :meth:`send_batch_sms`. No API can look up what became
        of a lost answer. One call a second per account.
        https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe

        :param to: numbers with country code, digits only, without duplicates.
        :param messages: one text per number.
        :param message_type: ``NOTIFY`` or ``MKT``.
        :param sender_id: an approved sender id.
        :param task_id: label of the request, 1 to 255 characters; returned in receipts.
        :param validity_period: seconds the carrier may keep trying.
        :param channel_id: a channel agreed with Alibaba Cloud.
        :param envelope: an earlier date and nonce, to replay an identical request.
        :raises ApiError: see :meth:`send_batch_sms`.
        """
        form = globe_form(
            to=to,
            messages=messages,
            message_type=message_type,
            sender_id=sender_id,
            task_id=task_id,
            validity_period=validity_period,
            channel_id=channel_id,
        )
        answer = self._call("BatchSendMessageToGlobe", form, globe=True, envelope=envelope)
        return GlobeResponse(
            request_id=request_id_of(answer),
            success_count=number_of(answer, "SuccessCount"),
            failed=texts_of(answer, "FailedList"),
            message_ids=texts_of(answer, "MessageIdList"),
            ids_given=answer.get("MessageIdList") not in (None, ""),
        )


def _send_answer(answer: Answer) -> SendResponse:
    return SendResponse(biz_id=text_of(answer, "BizId"), request_id=request_id_of(answer))

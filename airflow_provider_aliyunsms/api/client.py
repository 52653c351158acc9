# SPDX-License-Identifier: Apache-2.0
"""
Make the calls of both SMS APIs that this package needs.

A send call makes one attempt and is never repeated here: the APIs are not idempotent, so a repeated call can be a
second message on a phone. A read call is repeated on passing errors. All parameters travel in the form body, because
proxies log URLs.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.api.call_times import CallTimes
from airflow_provider_aliyunsms.api.credentials import renews
from airflow_provider_aliyunsms.api.forms import batch_sms_form, globe_form, sms_form
from airflow_provider_aliyunsms.api.gateway_clock import GatewayClock, monotonic
from airflow_provider_aliyunsms.api.models import MessageStatus, SendDetailsPage, SignListResponse
from airflow_provider_aliyunsms.api.responses import (
    accepted_fields,
    is_no_record,
    number_of,
    request_id_of,
)
from airflow_provider_aliyunsms.api.results import (
    globe_response_of,
    message_status_of,
    page_of,
    send_response_of,
    sign_of,
    template_of,
)
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.signature import Envelope, sign_acs3, unsigned
from airflow_provider_aliyunsms.codes import is_expired_token
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    NotSentError,
)
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.products import CHINA, GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from airflow_provider_aliyunsms.api.credentials import Credentials, CredentialsProvider
    from airflow_provider_aliyunsms.api.endpoints import Endpoint
    from airflow_provider_aliyunsms.api.forms import JsonTexts
    from airflow_provider_aliyunsms.api.models import (
        GlobeResponse,
        SendResponse,
        SignResponse,
        TemplateResponse,
    )
    from airflow_provider_aliyunsms.api.responses import ResponseFields
    from airflow_provider_aliyunsms.api.transport import HttpResponse, Transport
    from airflow_provider_aliyunsms.products import Product

log = logging.getLogger(__name__)

_SENDS: Final = frozenset({CHINA.action, "SendSms", GLOBE.action})
# Limits the memory of a long process in which many sends end without a clear response.
_MOST_SIGNERS: Final = 10_000


class AliyunSmsClient:
    """
    Call both SMS APIs, for mainland China and for the rest of the world.

    One client may be shared between threads.

    :param credentials: called before every signature. A replay after a lost response is signed with the credentials
        of its first copy instead.
    :param china: the endpoint of the 2017-05-25 API.
    :param globe: the endpoint of the 2018-05-01 API.
    :param transport: makes the HTTP attempts; :meth:`close` closes it.
    :param read_retries: the rules for repeating read calls; None for the defaults of ``ReadRetries``.
    :param clock: returns the monotonic seconds by which the gateway's time goes on between two responses.
    """

    def __init__(
        self,
        *,
        credentials: CredentialsProvider,
        china: Endpoint,
        globe: Endpoint,
        transport: Transport,
        read_retries: ReadRetries | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._credentials = credentials
        self._endpoints = {CHINA: china, GLOBE: globe}
        self._clocks = {CHINA: GatewayClock(), GLOBE: GatewayClock()}
        self._transport = transport
        self._read_retries = read_retries or ReadRetries()
        self._signers: dict[str, Credentials] = {}
        self.call_times = CallTimes()

    def signer(self, *, product: Product = CHINA) -> str:
        """
        Return a hash of the AccessKey ID that would sign now and of the endpoint that the product's calls go to.

        The ledger keeps it, so that a later try notices another AccessKey or another endpoint: neither a used nonce
        nor a missing record says anything about calls that went elsewhere.

        :returns: 12 hexadecimal digits.
        :raises ApiError: credentials that renew themselves cannot be fetched.
        """
        return self._signer_of(self._credentials(), product)

    def can_replay(self, *, nonce: str, signer: str, product: Product = CHINA) -> bool:
        """
        Return whether the request with this nonce would be signed now as its first copy was.

        :param nonce: of the first copy.
        :param signer: what :meth:`signer` gave when the request was planned.
        :raises ApiError: credentials that renew themselves cannot be fetched.
        """
        remembered = self._signers.get(nonce)
        return self._signer_of(remembered or self._credentials(), product) == signer

    def gateway_time(self, *, monotonic: float | None = None, product: Product = CHINA) -> float | None:
        """
        Return the gateway's time in seconds since the epoch, None while no response has told it.

        :param monotonic: a moment of the client's clock; None for now.
        """
        return self._clocks[product].at(self._clock() if monotonic is None else monotonic)

    def sync_clock(self, *, product: Product = CHINA) -> None:
        """
        Learn the gateway's time from the response to one unsigned request, which the gateway refuses.

        Free and without effect. A failure is no error: the time stays unknown, and callers must allow for that.
        """
        request = unsigned(endpoint=self._endpoints[product])
        sent = self._clock()
        try:
            response = self._transport.send(request)
        except ApiError as error:
            say(
                log,
                logging.INFO,
                "The gateway did not tell its time (%s).",
                error.code or type(error).__name__,
            )
            return
        self._note_date(response, product=product, sent=sent)

    def pace_reads(self, around_attempt: Callable[[], AbstractContextManager[None]]) -> None:
        """
        Make every attempt of a read call within a context from now on; before threads share this client.

        :param around_attempt: returns the context, see :class:`.ReadRetries`.
        """
        self._read_retries = replace(self._read_retries, around_attempt=around_attempt)

    def close(self) -> None:
        """Close the idle connections of the transport."""
        self._transport.close()

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

        The call makes one attempt and is never repeated here. An accepted call says nothing about single numbers; the
        delivery receipts report on those.
        https://help.aliyun.com/document_detail/102364.html

        :param phone_numbers: 1 to 100 numbers.
        :param sign_names: one signature per number, without brackets.
        :param template_code: one approved template.
        :param template_params: one mapping of variables per number.
        :param sms_up_extend_codes: one extension code per number.
        :param out_id: label of the request, below 256 characters; returned in receipts and records.
        :param envelope: the date and nonce of an earlier request, to replay it identically; None for a new request.
        :returns: the ids of the accepted request.
        :raises NotSentError: the call was not accepted and may be made again. After a replay, the code
            ``InvalidTimeStamp.Expired`` concerns the replay only and says nothing about the first copy.
        :raises RequestRefusedError: the call was not accepted; a number, a text or the request is wrong.
        :raises CampaignDoomedError: the call was not accepted, and no other call of the campaign would be.
        :raises AmbiguousOutcomeError: the call may have been accepted. After a replay, the code
            ``SignatureNonceUsed`` means that the gateway had seen the first copy.
        :raises ValueError: the lists are empty or differ in length.
        :raises TypeError: a template variable is neither a text nor a number.
        """
        form = batch_sms_form(
            phone_numbers=phone_numbers,
            sign_names=sign_names,
            template_code=template_code,
            template_params=template_params,
            sms_up_extend_codes=sms_up_extend_codes,
            out_id=out_id,
        )
        return send_response_of(self._call(CHINA.action, form, envelope=envelope))

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

        The call makes one attempt and is never repeated here.
        https://help.aliyun.com/document_detail/419273.html

        :param phone_numbers: 1 to 1000 numbers.
        :param sign_name: the signature, without brackets.
        :param template_code: one approved template.
        :param template_param: the variables, the same for every recipient.
        :param sms_up_extend_code: extension code for replies.
        :param out_id: label of the request, below 256 characters.
        :param envelope: the date and nonce of an earlier request, to replay it identically; None for a new request.
        :returns: the ids of the accepted request.
        :raises ApiError: a subclass, as for :meth:`send_batch_sms`.
        :raises ValueError: there is no number, or one holds a comma.
        :raises TypeError: a template variable is neither a text nor a number.
        """
        form = sms_form(
            phone_numbers=phone_numbers,
            sign_name=sign_name,
            template_code=template_code,
            template_param=template_param,
            sms_up_extend_code=sms_up_extend_code,
            out_id=out_id,
        )
        return send_response_of(self._call("SendSms", form, envelope=envelope))

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

        The call makes one attempt and is never repeated here. When the response is lost, no API can look up whether
        the call was accepted. One account may make one call a second.
        https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe

        :param to: numbers with country code, digits only, without duplicates.
        :param messages: one text per number.
        :param message_type: ``NOTIFY`` or ``MKT``.
        :param sender_id: an approved sender id.
        :param task_id: label of the request, 1 to 255 characters; returned in receipts.
        :param validity_period: seconds during which the carrier may keep trying to deliver.
        :param channel_id: a channel agreed with Alibaba Cloud.
        :param envelope: the date and nonce of an earlier request, to replay it identically; None for a new request.
        :returns: the ids of the accepted messages and the numbers that failed.
        :raises ApiError: a subclass, as for :meth:`send_batch_sms`.
        :raises ValueError: the lists are empty or differ in length.
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
        fields = self._call(GLOBE.action, form, product=GLOBE, envelope=envelope)
        return globe_response_of(fields)

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
        Return one page of the records of what was sent to one number on one day. Free.

        The call is repeated on passing errors. When there is no record, the page is empty and no error is raised.
        https://help.aliyun.com/document_detail/419277.html

        :param phone_number: one number.
        :param send_date: ``yyyyMMdd`` in UTC+8, within the last 30 days.
        :param page_size: 1 to 50.
        :param current_page: number of the page, from 1.
        :param biz_id: return only the records of this request.
        :raises AmbiguousOutcomeError: also when the response was OK but its records cannot be read.
        :raises ApiError: the error of the last attempt.
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
        Return the status of one message of the 2018-05-01 API. Free.

        The call is repeated on passing errors. When there is no record, or not yet, the status is None and no error
        is raised.
        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

        :param message_id: an id from :meth:`batch_send_message_to_globe`.
        :raises ApiError: the error of the last attempt.
        """
        return self._read_retries.call(lambda: self._message_status(message_id))

    def query_sms_sign_list(self, *, page_index: int = 1, page_size: int = 1) -> SignListResponse:
        """
        Return the number of the account's SMS signatures, to test a connection. Free; changes nothing.

        The call is repeated on passing errors.
        https://help.aliyun.com/document_detail/419282.html

        :param page_index: number of the page, from 1.
        :param page_size: 1 to 50.
        :raises CampaignDoomedError: key, secret or permission is wrong.
        :raises ApiError: the error of the last attempt.
        """
        form = {"PageIndex": str(page_index), "PageSize": str(page_size)}
        fields = self._read_retries.call(lambda: self._call("QuerySmsSignList", form))
        return SignListResponse(total_count=number_of(fields, "TotalCount"), request_id=request_id_of(fields))

    def get_sms_template(self, *, template_code: str) -> TemplateResponse:
        """
        Return one template of the account. Free; changes nothing.

        The call is repeated on passing errors.
        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmstemplate

        :param template_code: such as ``SMS_152550005``.
        :raises CampaignDoomedError: there is no such template (``isv.SMS_TEMPLATE_ILLEGAL``), or the call is not
            allowed.
        :raises AmbiguousOutcomeError: also when the response was OK but the template in it cannot be read.
        :raises ApiError: the error of the last attempt.
        """
        return self._read_retries.call(lambda: self._template(template_code))

    def get_sms_sign(self, *, sign_name: str) -> SignResponse:
        """
        Return one signature of the account, with its filing with each carrier. Free; changes nothing.

        The call is repeated on passing errors.
        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmssign

        :param sign_name: the signature, without brackets.
        :raises CampaignDoomedError: there is no such signature (``isv.SMS_SIGNATURE_ILLEGAL``), or the call is not
            allowed.
        :raises AmbiguousOutcomeError: also when the response was OK but the signature in it cannot be read.
        :raises ApiError: the error of the last attempt.
        """
        return self._read_retries.call(lambda: self._sign(sign_name))

    def _call(
        self,
        action: str,
        form: Mapping[str, str],
        *,
        product: Product = CHINA,
        envelope: Envelope | None = None,
    ) -> ResponseFields:
        envelope = envelope or Envelope.new()
        # The remembered signer comes first: the gateway may not know the nonce under another AccessKey, would accept
        # the replay, and the message would be sent twice.
        credentials = self._signers.get(envelope.nonce) or self._credentials()
        request = sign_acs3(
            endpoint=self._endpoints[product],
            action=action,
            version=product.version,
            query={},
            form=form,
            credentials=credentials,
            envelope=envelope,
        )
        sent = self._clock()
        try:
            response = self._transport.send(request)
            self._note_date(response, product=product, sent=sent)
            fields = accepted_fields(response, action=action, product=product)
        except NotSentError as error:
            if is_expired_token(error.code) and not renews(self._credentials):
                raise _doomed(error) from error
            raise
        except AmbiguousOutcomeError:
            # A replay is evidence only if it is identical, also when the AccessKey was renewed in between. Threads
            # share the dict without a lock: each operation is atomic, and each request has a nonce of its own. The
            # limit may be exceeded by as many entries as there are threads.
            if action in _SENDS and len(self._signers) < _MOST_SIGNERS:
                self._signers[envelope.nonce] = credentials
            raise
        finally:
            self.call_times.add(action, self._clock() - sent)
        self._signers.pop(envelope.nonce, None)
        return fields

    def _signer_of(self, credentials: Credentials, product: Product) -> str:
        text = f"{credentials.access_key_id}@{self._endpoints[product].url}"
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def _note_date(self, response: HttpResponse, *, product: Product, sent: float) -> None:
        # Only what the gateway itself has written: a proxy's error page has a date as well.
        if b"RequestId" in response.body:
            self._clocks[product].observe(response.headers.get("Date"), sent=sent, received=self._clock())

    def _send_details(self, form: Mapping[str, str]) -> SendDetailsPage:
        try:
            fields = self._call("QuerySendDetails", form)
        except AmbiguousOutcomeError as error:
            if is_no_record(error, product=CHINA):
                return SendDetailsPage(total_count=0, details=(), request_id=error.request_id)
            raise
        return page_of(fields, page_size=int(form["PageSize"]))

    def _message_status(self, message_id: str) -> MessageStatus:
        try:
            fields = self._call("QueryMessage", {"MessageId": message_id}, product=GLOBE)
        except AmbiguousOutcomeError as error:
            if is_no_record(error, product=GLOBE):
                return MessageStatus(
                    status=None, error_code=None, message_id=message_id, request_id=error.request_id
                )
            raise
        return message_status_of(fields, message_id=message_id)

    def _template(self, template_code: str) -> TemplateResponse:
        return template_of(self._call("GetSmsTemplate", {"TemplateCode": template_code}), code=template_code)

    def _sign(self, sign_name: str) -> SignResponse:
        return sign_of(self._call("GetSmsSign", {"SignName": sign_name}), name=sign_name)


def _doomed(error: ApiError) -> CampaignDoomedError:
    """Return an error of a passing kind as a final one: these credentials stay what they are."""
    return CampaignDoomedError(
        error.message,
        code=error.code,
        request_id=error.request_id,
        advice=error.advice,
        http_status=error.http_status,
    )

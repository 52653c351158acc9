# SPDX-License-Identifier: Apache-2.0
"""The two send operators: one for each of Alibaba Cloud's batch calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.links.aliyun_sms import (
    AliyunSmsConsoleLink,
    AliyunSmsGlobeConsoleLink,
    AliyunSmsReceiptsLink,
)
from airflow_provider_aliyunsms.operators.base import AliyunSmsSendOperator
from airflow_provider_aliyunsms.private import unwrap

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.campaign.ports import Channel

__all__ = ["AliyunBatchSendMessageToGlobeOperator", "AliyunSendBatchSmsOperator"]

MESSAGE_TYPES = ("OTP", "NOTIFY", "MKT", "GENERAL")


class AliyunSendBatchSmsOperator(AliyunSmsSendOperator):
    """
    Send one campaign through ``SendBatchSms`` and return what became of every recipient.

    Costs one message, or more for a long text, for every recipient the carrier serves; one call for every 100
    recipients. Nobody is sent to twice within a campaign: a retry, and a Clear, go on where the last try stopped,
    as long as the ledger is there (Airflow's task state store from 3.3 on, else ``ledger_path``); without it a
    second try refuses to send. A refusal that would meet every other call too (template, signature, balance,
    permission) fails the task at once and without retries. A call without a clear answer is settled by evidence;
    what stays open is reported as ``unknown`` and fails the task after everybody else has been served.

    The returned XCom is small: ``campaign_id, api, total, accepted, rejected, skipped, unknown, requests, errors,
    digest, started_at, finished_at`` and ``receipts`` (up to 100 recipients) or ``receipts_path``; the four
    outcomes add up to ``total``.

    API: https://help.aliyun.com/document_detail/102364.html

    :param recipients: a list of numbers or of ``{"phone_number", "sign_name"?, "template_param"?,
        "sms_up_extend_code"?}``, an XComArg of one (of a mapped task too, whose items may be such lists), or the
        path or URI of a ``.csv``, ``.jsonl`` or ``.parquet`` file (the last needs the extra ``parquet``), each also
        with ``.gz``. A URI such as ``s3://conn_id@bucket/key.csv`` brings its Airflow connection along. In a file
        ``phone_number`` is required, ``sign_name`` and ``sms_up_extend_code`` are optional, every other column is
        a template variable. Files are streamed; one that changes while it is read is not sent to. (templated)
    :param recipients_sql: instead of ``recipients``: one query, or the name of a ``.sql`` file, whose columns are
        those of a file. Streamed, through a server-side cursor where the driver would else hold all rows
        (PostgreSQL, MySQL); nothing is committed. A retry runs it again, so give it a stable answer and an
        ``ORDER BY``; needs the extra ``sql``. (templated)
    :param recipients_conn_id: the database's connection. (templated)
    :param recipients_parameters: values the driver binds to the query, in its own style. (templated)
    :param column_mapping: the source's names to ours where they differ, such as ``{"mobile": "phone_number"}``; None
        as ours leaves a column out. (templated)
    :param encoding: of a text file that is not UTF-8, such as ``gb18030``. Never guessed: what is not UTF-8 is
        refused without it, and a UTF-8 file is refused with another one. (templated)
    :param template_code: the approved template, such as ``SMS_152550005``. (templated)
    :param sign_name: the signature of recipients without one, without brackets; falls back to the connection's.
        (templated)
    :param template_param: variables merged under each recipient's own; values up to 35 characters. (templated)
    :param campaign_id: the identity within which nobody is sent to twice; by default dag id, task id, run id and
        map index. (templated)
    :param chunk_size: recipients of one call, 1 to 100.
    :param max_concurrency: calls in flight at once.
    :param max_qps: calls a second, None for no limit; the account's own limit is 5,000.
    :param receipts_path: where the receipts go on any fsspec storage: a file ending in ``.jsonl``, ``.csv`` (both
        also with ``.gz``) or ``.parquet``, or a folder for one ``.jsonl`` per campaign. They are replaced by each
        try, and a Clear rebuilds them without sending. (templated)
    :param ledger_path: the folder on any fsspec storage for the ledger, for Airflow below 3.3 or to span several
        runs. (templated)
    :param durable: keep a ledger; False makes every retry refuse to send.
    :param resend: send to everybody again, once for every run or Clear; says so loudly in the log. (templated)
    :param dry_run: do everything but send; recipients come back as ``skipped``. (templated)
    :param dedupe: ``content`` skips a row that repeats number and content, ``phone`` one that repeats the number.
    :param on_empty: ``skip`` or ``fail`` when the audience is empty.
    :param max_rejected: rows that may be rejected locally before nothing at all is sent: a count, or a share
        below 1.
    :param error_threshold: the share of recipients refused by the gateway at which sending stops, from 100
        recipients on; None for never.
    :param settle_time: seconds, or a timedelta, for which look-ups must stay empty before a call without a clear
        answer counts as not accepted and is sent again.
    :param evidence_wait: seconds, or a timedelta, to wait for evidence after everybody else has been served.
    :param network_patience: seconds, or a timedelta, without a single answer after which the try is given up.
    :param resend_unknown: send again what no evidence could settle. (templated)
    :param aliyun_sms_conn_id: the connection. (templated)
    :raises ConfigurationError: a parameter or connection field is wrong; nothing was sent, nothing is retried.
    :raises AudienceError: the audience cannot be read or must not be sent to; nothing was sent. A list is not tried
        again, a file or query is.
    :raises AirflowFailException: doomed, refused too often, or a second try without a ledger.
    :raises OutcomeUnknownError: for some recipients nobody knows yet; a retry goes on looking.
    """

    template_fields: Sequence[str] = (
        "recipients",
        "recipients_sql",
        "recipients_conn_id",
        "recipients_parameters",
        "column_mapping",
        "encoding",
        "template_code",
        "sign_name",
        "template_param",
        "campaign_id",
        "receipts_path",
        "ledger_path",
        "resend",
        "resend_unknown",
        "is_dry_run",
        "aliyun_sms_conn_id",
    )
    operator_extra_links = (AliyunSmsConsoleLink(), AliyunSmsReceiptsLink())

    def __init__(
        self,
        *,
        recipients: Any = None,
        template_code: str,
        sign_name: str | None = None,
        template_param: Mapping[str, Any] | None = None,
        chunk_size: int = 100,
        max_concurrency: int = 16,
        max_qps: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            recipients=recipients,
            chunk_size=chunk_size,
            max_concurrency=max_concurrency,
            max_qps=max_qps,
            **kwargs,
        )
        self.template_code = template_code
        self.sign_name = sign_name
        self.template_param = template_param

    def make_channel(self) -> Channel:
        """Build the way to ``SendBatchSms``."""
        from airflow_provider_aliyunsms.campaign.channels import ChinaChannel

        if not self.template_code or self.template_code != self.template_code.strip():
            raise ConfigurationError("template_code is missing or has blanks around it")
        return ChinaChannel(client=self.hook.get_conn(), template_code=self.template_code)

    def make_rules(self) -> RecipientRules:
        """Build the rules for recipients of the China batch."""
        from airflow_provider_aliyunsms.audience.rules import ChinaRules

        return ChinaRules(
            sign_name=self.sign_name or self.hook.sign_name, template_param=unwrap(self.template_param)
        )


class AliyunBatchSendMessageToGlobeOperator(AliyunSmsSendOperator):
    """
    Send one campaign through ``BatchSendMessageToGlobe`` and return what became of every recipient.

    Costs one message, or more for a long text, for every recipient the gateway accepts, delivered or not; one call
    for every ``chunk_size`` recipients and never more than one a second, the account's limit. Two campaigns at the
    same time share that limit: put them into an Airflow pool of one slot.

    Retry and Clear behave as with the China batch, with one difference: this API has no look-up. A call without a
    clear answer is settled by replaying the identical signed request within 15 minutes; if the gateway says that it
    has seen it, its recipients are ``unknown`` and never sent to again unless ``resend_unknown`` asks for it.

    Numbers of the Chinese mainland and the United States are refused before sending; the batch call does not serve
    them.

    API: https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe

    :param recipients: a list of numbers with country code or of ``{"to", "message"?, "template_param"?}``, an
        XComArg of one, or the path or URI of a file, as with the China batch. In a file ``to`` is required,
        ``message`` is optional, every other column is a variable. (templated)
    :param message: the text of recipients without their own, up to 1,500 characters; ``${name}`` is filled from
        the recipient's variables. (templated)
    :param template_param: variables merged under each recipient's own. (templated)
    :param message_type: ``OTP``, ``NOTIFY``, ``MKT`` or ``GENERAL``. (templated)
    :param sender_id: the approved sender id: letters and digits, up to 11 with letters, up to 15 digits; falls back
        to the connection's. (templated)
    :param validity_period: seconds for which the carrier shall try.
    :param channel_id: the API's ``ChannelId``. (templated)
    :param refused_regions: ISO region codes whose numbers are refused before sending.
    :param chunk_size: recipients of one call, 1 to 1,000.
    :param max_qps: calls a second; more than one only if Alibaba raised the account's limit.

    All other parameters, the XCom and the errors are those of :class:`AliyunSendBatchSmsOperator`.
    """

    template_fields: Sequence[str] = (
        "recipients",
        "recipients_sql",
        "recipients_conn_id",
        "recipients_parameters",
        "column_mapping",
        "encoding",
        "message",
        "template_param",
        "message_type",
        "sender_id",
        "channel_id",
        "campaign_id",
        "receipts_path",
        "ledger_path",
        "resend",
        "resend_unknown",
        "is_dry_run",
        "aliyun_sms_conn_id",
    )
    operator_extra_links = (AliyunSmsGlobeConsoleLink(), AliyunSmsReceiptsLink())
    number_field = "to"

    def __init__(
        self,
        *,
        recipients: Any = None,
        message: str | None = None,
        template_param: Mapping[str, Any] | None = None,
        message_type: str = "NOTIFY",
        sender_id: str | None = None,
        validity_period: int | None = None,
        channel_id: str | None = None,
        refused_regions: Collection[str] = ("CN", "US"),
        chunk_size: int = 250,
        max_qps: float | None = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            recipients=recipients, chunk_size=chunk_size, max_concurrency=1, max_qps=max_qps, **kwargs
        )
        self.message = message
        self.template_param = template_param
        self.message_type = message_type
        self.sender_id = sender_id
        self.validity_period = validity_period
        self.channel_id = channel_id
        self.refused_regions = refused_regions

    def make_channel(self) -> Channel:
        """Build the way to ``BatchSendMessageToGlobe``."""
        from airflow_provider_aliyunsms.audience.rules import check_sender_id
        from airflow_provider_aliyunsms.campaign.channels import GlobeChannel

        if self.message_type not in MESSAGE_TYPES:
            raise ConfigurationError(f"message_type must be one of {', '.join(MESSAGE_TYPES)}")
        sender_id = self.sender_id or self.hook.sender_id
        if sender_id:
            check_sender_id(sender_id)
        return GlobeChannel(
            client=self.hook.get_conn(),
            message_type=self.message_type,
            sender_id=sender_id,
            validity_period=self.validity_period,
            channel_id=self.channel_id,
        )

    def make_rules(self) -> RecipientRules:
        """Build the rules for recipients of the global batch."""
        from airflow_provider_aliyunsms.audience.rules import GlobeRules

        return GlobeRules(
            message=unwrap(self.message),
            template_param=unwrap(self.template_param),
            refused_regions=self.refused_regions,
        )

# SPDX-License-Identifier: Apache-2.0
"""Define the two send operators, one for each of Alibaba Cloud's batch calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.links.aliyun_sms import (
    AliyunSmsCampaignLink,
    AliyunSmsConsoleLink,
    AliyunSmsGlobeConsoleLink,
    AliyunSmsReceiptsLink,
)
from airflow_provider_aliyunsms.operators.base import AliyunSmsSendOperator
from airflow_provider_aliyunsms.operators.parameters import as_bool, check_split
from airflow_provider_aliyunsms.operators.report import AliyunSmsReportOperator
from airflow_provider_aliyunsms.operators.shards import AliyunSmsShards, AliyunSmsShardsSummary
from airflow_provider_aliyunsms.parameter_checks import check_mapping, check_texts, check_whole
from airflow_provider_aliyunsms.private import unwrap
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.campaign.plan import Texts
    from airflow_provider_aliyunsms.campaign.ports import Channel

__all__ = [
    "AliyunBatchSendMessageToGlobeOperator",
    "AliyunSendBatchSmsOperator",
    "AliyunSmsReportOperator",
    "AliyunSmsShards",
    "AliyunSmsShardsSummary",
]

MESSAGE_TYPES = ("OTP", "NOTIFY", "MKT", "GENERAL")

LONGEST_VALIDITY = 2**31 - 1
"""The largest ``validity_period``: the API names no limit, and more is certainly a mistake."""


class AliyunSendBatchSmsOperator(AliyunSmsSendOperator):
    r"""
    Send one campaign through ``SendBatchSms`` and return its outcomes.

    Costs one message, or more for a long text, for every recipient the carrier serves, and one call for every
    ``chunk_size`` recipients.

    No recipient is sent to twice within a campaign. A retry or a Clear goes on where the last try stopped, as long
    as the ledger exists: in Airflow's task state store from 3.3 on, else in ``ledger_path``. Without a ledger a
    second try refuses to send.

    A refusal that every other call would meet as well (template, signature, balance, permission) fails the task at
    once and without retries. A call without a clear response is settled by evidence: a look-up of the sent messages,
    or a replay of the identical signed request. Recipients that stay open are reported as ``unknown``; they fail the
    task after all other recipients have been served.

    The returned XCom is small: ``campaign_id, api, total, accepted, rejected, skipped, unknown, requests, errors,
    digest, started_at, finished_at`` and ``receipts`` (up to 100 recipients) or ``receipts_path``. The four counts of
    outcomes add up to ``total``. A try that fails after its first call leaves it under the key ``campaign``, with the
    receipts; who was not reached yet is ``skipped`` in it.

    API: https://help.aliyun.com/document_detail/102364.html

    :param recipients: a list of numbers or of ``{"phone_number", "sign_name"?, "template_param"?,
        "sms_up_extend_code"?, "phone_region"?}``, an XComArg of one (of a mapped task too, whose items may be
        such lists), a data frame (pandas, polars, Arrow), or the path or URI of a file: ``.csv``, ``.tsv``,
        ``.txt``, ``.jsonl``, ``.json``, ``.parquet`` (extra ``parquet``) or ``.xlsx`` (extra ``excel``), each
        also with ``.gz``. A URI such as ``s3://conn_id@bucket/key.csv`` names its Airflow connection. In a table
        the column ``phone_number`` is required, the others named above are optional, every other column is a
        template variable. Files are streamed; a file that changes while it is read is not sent to. Example:
        ``"/data/members.csv"``. (templated)
    :param recipients_sql: instead of ``recipients``: one query, or the name of a ``.sql`` file. The query returns
        the same columns as a file. Rows are streamed, through a server-side cursor where the driver would
        otherwise hold all rows (PostgreSQL, MySQL); nothing is committed. A retry runs the query again, so it
        should return the same rows and have an ``ORDER BY``. Needs the extra ``sql``. Example: ``"SELECT
        phone_number, name FROM members ORDER BY id"``. (templated)
    :param recipients_conn_id: the Airflow connection of the database. Example: ``"crm"``. (templated)
    :param recipients_parameters: values that the driver binds to the query, in the driver's own style. Example:
        ``{"city": "Hangzhou"}``. (templated)
    :param column_mapping: maps the source's column names to the names above where they differ, such as
        ``{"mobile": "phone_number"}``; a column mapped to None is left out. Example: ``{"mobile": "phone_number",
        "remark": None}``. (templated)
    :param columns: the columns that are template variables; other columns are left out, except those named above.
        By default all. Example: ``["name", "amount"]``. (templated)
    :param encoding: the encoding of a text file that is not UTF-8. It is never guessed: a file that is not UTF-8
        is refused without it, except for UTF-16 with its mark, and a UTF-8 file is refused with another one.
        Example: ``"gb18030"``. (templated)
    :param delimiter: the character between the cells of a text file; by default comma, semicolon, tab or ``|``,
        as found in the header. Example: ``";"``. (templated)
    :param sheet: the sheet of a workbook; by default the only one that holds something. Example: ``"April"``.
        (templated)
    :param null_values: the texts that stand for an empty cell; by default ``NaN``, ``None``, ``NULL``, ``<NA>``
        and the like, ``[]`` for none. Example: ``["-", "n/a"]``. (templated)
    :param phone_region: the region of numbers that are no mainland mobile and have no ``+`` or ``00``; a row's
        own ``phone_region`` wins over it. Example: ``"HK"``. (templated)
    :param international: take such numbers for ones with their country code first. By default they are rejected:
        most are mistyped mainland numbers. Example: ``True``. (templated)
    :param template_code: the approved template. Example: ``"SMS_152550005"``. (templated)
    :param templates: instead of it, with ``split``: the template of each group, such as ``{"a": "SMS_1", "b":
        "SMS_2"}``. All are sent with the same variables. Example: ``{"a": "SMS_152550005", "b":
        "SMS_152550006"}``.
    :param split: the groups into which the recipients are divided, a
        :class:`~airflow_provider_aliyunsms.audience.split.Split`. A group without a template gets nothing: its
        receipts are ``skipped`` with ``local.HOLDOUT``. The XCom holds the outcomes by group under ``groups``. A
        split or a template that is changed between two tries sends to nobody twice. Example: ``Split({"a": 0.5,
        "b": 0.5}, salt="spring")``.
    :param sign_name: the signature, without brackets, of recipients that have none of their own; by default the
        connection's. Example: ``"阿里云"``. (templated)
    :param template_param: variables for all recipients, each of which a recipient's own variable replaces; values
        up to 35 characters. Example: ``{"shop": "Hangzhou"}``. (templated)
    :param campaign_id: the identity within which no recipient is sent to twice; by default dag id, task id, run
        id and map index. Example: ``"spring/{{ ds }}"``. (templated)
    :param shard: the part of the audience that this task sends to, as :class:`AliyunSmsShards` returns it with
        ``campaign_id`` and ``ledger_path``; the audience must be a file or a query. By default all of it. The
        parameters that judge an audience or its outcomes judge those of the shard. Example: ``{"index": 0, "of":
        4, "record": "..."}``.
    :param chunk_size: recipients of one call, 1 to 100. Unit: recipients. Example: ``50``.
    :param max_concurrency: calls in flight at once, 1 to 64. Unit: calls. Example: ``32``.
    :param max_qps: calls a second, None for no limit; the account's own limit is 5,000. Unit: calls a second.
        Example: ``50``.
    :param receipts_path: the place of the receipts on any fsspec storage: a file ending in ``.jsonl``, ``.csv``
        (both also with ``.gz``) or ``.parquet``, or a folder for one ``.jsonl`` file per campaign. Each try
        replaces them, and a Clear rebuilds them without sending. Example: ``"s3://conn_id@bucket/receipts/"``.
        (templated)
    :param ledger_path: the folder of the ledger on a local disk, NFS, S3, Google Cloud Storage, Azure or OSS;
        others are refused. Needed for Airflow below 3.3, or for a campaign that spans several runs. Example:
        ``"s3://conn_id@bucket/ledgers"``. (templated)
    :param durable: keep a ledger; with False every retry refuses to send. Example: ``False``.
    :param resend: send to all recipients again, once for every run or Clear; the log has a warning. Example:
        ``"{{ params.resend }}"``. (templated)
    :param dry_run: do everything except sending; recipients are reported as ``skipped``. Example: ``True``.
        (templated)
    :param dedupe: ``content`` skips a row that repeats number and content, ``phone`` one that repeats the number.
        Example: ``"phone"``.
    :param on_empty: ``skip`` or ``fail``: how the task ends when the audience is empty. Example: ``"fail"``.
    :param max_rejected: the largest number of rows that may be rejected locally: a count, or a share below 1.
        With more, nothing is sent. None for no limit. Unit: rows, or a share of them. Example: ``0.01``.
    :param max_duplicates: the largest number of rows whose number an earlier row has, under the same content or
        another: a count, or a share below 1. With more, nothing is sent. None for no limit. Unit: rows, or a
        share of them. Example: ``100``.
    :param error_threshold: the largest share of recipients that the gateway may refuse, 0 to 1; None for any.
        Sending stops at it once 100 recipients have been served. At the end a campaign of any size fails that has
        exceeded it, or of which nobody was accepted. Unit: share of recipients. Example: ``0.2``.
    :param settle_time: seconds, or a timedelta, for which look-ups must stay empty before a call without a clear
        response counts as not accepted and is sent again. Unit: seconds. Example: ``timedelta(minutes=20)``.
    :param refusal_wait: seconds, or a timedelta, for which look-ups must stay empty before a refused call of
        several recipients counts as not accepted and is split; never longer than ``settle_time``. Unit: seconds.
        Example: ``130``.
    :param evidence_wait: seconds, or a timedelta, to wait for evidence after all other recipients have been
        served. Unit: seconds. Example: ``120``.
    :param network_patience: seconds, or a timedelta, without a single clear response after which the try fails.
        Unit: seconds. Example: ``600``.
    :param resend_unknown: a Clear sends again to recipients whose outcome no evidence can settle. Example:
        ``True``. (templated)
    :param resend_rejected: a Clear sends again to all whom the gateway refused. Without it, a Clear of a task
        that failed for its refusals sends again only to those refused for a cause that is not theirs, such as the
        template. Never to those who were accepted, or may have been. Example: ``True``. (templated)
    :param guards: objects that judge the campaign before its first call, in this order, and some of them while it
        is sent, see docs/guards.md. What they decided is in the XCom as ``guards``. Example:
        ``[QuietHours("08:00", "21:00"), MaxMessages(100_000)]``.
    :param canary: a :class:`~airflow_provider_aliyunsms.campaign.guards.Canary`: a sample goes first, and
        everybody else once enough of it was delivered. It is asked after the guards. None to send to all at once.
        Example: ``Canary(size=200, min_delivered_ratio=0.9)``.
    :param guard_wait: how the task waits where a guard says so, its slot free: ``defer`` on the triggerer, or
        ``reschedule`` by the scheduler. Example: ``"reschedule"``.
    :param send_copies_to: numbers of your own phones: each gets what the first row that can be sent to would get,
        and nobody of the audience gets anything. With a split each gets the template of its group, and that of
        another one where its group gets nothing. A campaign of its own: give it a ``campaign_id`` of its own. A
        list, or a text with commas. Example: ``["13800001234"]``. (templated)
    :param aliyun_sms_conn_id: the Airflow connection. Example: ``"my_sms"``. (templated)
    :raises ConfigurationError: a parameter or connection field is wrong; nothing was sent, nothing is retried.
    :raises AudienceError: the audience cannot be read or must not be sent to; nothing was sent. With a list the task
        is not retried, with a file or a query it is.
    :raises AirflowSkipException: the audience is empty, and ``on_empty`` is ``skip``; or a guard said so before
        anybody was sent to.
    :raises AirflowFailException: no further call would be accepted, too many recipients were refused, a second try
        has no ledger, a guard decided against sending, or outcomes stay unknown that no later try can settle; not
        retried. It is the error of this package as well, such as ``FinalCampaignDoomedError``.
    :raises GuardUndecidedError: a guard could not judge; a retry asks it again.
    :raises OutcomeUnknownError: the outcome of some recipients is still unknown; a retry looks for evidence again.
    :raises ReceiptsError: everybody was served, and the receipts cannot be written; a retry only writes them.
    """

    template_fields: Sequence[str] = (
        "recipients",
        "recipients_sql",
        "recipients_conn_id",
        "recipients_parameters",
        "send_copies_to",
        "column_mapping",
        "columns",
        "encoding",
        "delimiter",
        "sheet",
        "null_values",
        "phone_region",
        "international",
        "template_code",
        "sign_name",
        "template_param",
        "campaign_id",
        "receipts_path",
        "ledger_path",
        "resend",
        "resend_unknown",
        "resend_rejected",
        "is_dry_run",
        "aliyun_sms_conn_id",
    )
    operator_extra_links = (AliyunSmsCampaignLink(), AliyunSmsConsoleLink(), AliyunSmsReceiptsLink())

    def __init__(
        self,
        *,
        recipients: Any = None,
        template_code: str | None = None,
        templates: Mapping[str, str] | None = None,
        sign_name: str | None = None,
        template_param: Mapping[str, Any] | None = None,
        international: bool | str = False,
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
        self.templates = templates
        if (template_code is None) == (templates is None):
            raise ConfigurationError("give either template_code, or split with templates")
        check_split(split=self.split, texts=templates)
        self.sign_name = sign_name
        self.template_param = template_param
        self.international = international
        check_texts(template_code=template_code, sign_name=sign_name)
        check_mapping("template_param", template_param)

    def make_channel(self) -> Channel:
        """Return the channel to ``SendBatchSms``, with the operator's template."""
        from airflow_provider_aliyunsms.campaign.channels import ChinaChannel

        check_texts(template_code=self.template_code, sign_name=self.sign_name)
        code = self.template_code or ""
        if self.groups is None and (code in ("", "None") or code != code.strip()):
            raise ConfigurationError("template_code is missing or has blanks around it")
        return ChinaChannel(
            client=self.hook.get_conn(),
            template_code=code,
            groups=self.groups,
            should_stop=lambda: self._killed,
        )

    def make_texts(self) -> Texts:
        """Return the template."""
        from airflow_provider_aliyunsms.campaign.plan import Texts

        return Texts(template_code=self.template_code)

    def texts_by_group(self) -> Mapping[str, str] | None:
        """Return the template code of each group of the split."""
        return self.templates

    def make_rules(self) -> RecipientRules:
        """Return the rules that turn a row into a recipient of ``SendBatchSms`` or reject it."""
        from airflow_provider_aliyunsms.audience.rules import ChinaRules

        return ChinaRules(
            sign_name=self.sign_name or self.hook.sign_name,
            template_param=unwrap(self.template_param),
            international=as_bool(self.international, name="international"),
            phone_region=self.phone_region,
        )


class AliyunBatchSendMessageToGlobeOperator(AliyunSmsSendOperator):
    """
    Send one campaign through ``BatchSendMessageToGlobe`` and return its outcomes.

    Costs one message, or more for a long text, for every recipient the gateway accepts, delivered or not. Costs one
    call for every ``chunk_size`` recipients, by default never more than one a second, the account's limit. Two
    campaigns at the same time share that limit: put them into an Airflow pool of one slot.

    Retry and Clear behave as with :class:`AliyunSendBatchSmsOperator`, with one difference: this API has no look-up.
    A call without a clear response is settled by a replay of the identical signed request, less than 15 minutes after
    it was signed. If the gateway reports that it has seen the request, its recipients are ``unknown`` and are never
    sent to again unless ``resend_unknown`` is set.

    Numbers of the Chinese mainland and the United States are refused before sending, because the batch call does not
    serve them.

    API: https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe

    :param recipients: a list of numbers with country code or of ``{"to", "message"?, "template_param"?}``, an
        XComArg of one, or the path or URI of a file, as with :class:`AliyunSendBatchSmsOperator`. In a file the
        column ``to`` is required, ``message`` is optional, every other column is a variable. Example:
        ``"/data/members_abroad.csv"``. (templated)
    :param message: the text for recipients that have none of their own, up to 1,500 characters; ``${name}`` is
        filled from the recipient's variables. Example: ``"Hello ${name}, your order is ready."``. (templated)
    :param messages: instead of it, with ``split``: the message of each group; a group without one gets nothing.
        Example: ``{"a": "Hello ${name}", "b": "Hi ${name}"}``.
    :param template_param: variables for all recipients, each of which a recipient's own variable replaces.
        Example: ``{"shop": "Singapore"}``. (templated)
    :param message_type: ``OTP``, ``NOTIFY``, ``MKT`` or ``GENERAL``. Example: ``"MKT"``. (templated)
    :param sender_id: the approved sender id: letters and digits, up to 11 with letters, up to 15 digits; by
        default the connection's. Example: ``"MYSHOP"``. (templated)
    :param validity_period: seconds for which the carrier tries to deliver. Unit: seconds. Example: ``600``.
    :param channel_id: the API's ``ChannelId``. Example: ``"12345"``. (templated)
    :param phone_region: the region of numbers without ``+`` or ``00``; by default their country code comes first.
        Example: ``"SG"``. (templated)
    :param refused_regions: ISO region codes whose numbers are refused before sending. Example: ``("CN", "US",
        "IN")``.
    :param chunk_size: recipients of one call, 1 to 1,000. Unit: recipients. Example: ``1000``.
    :param max_qps: calls a second; set more than one only if Alibaba Cloud raised the account's limit. Unit:
        calls a second. Example: ``5``.

    All other parameters, the XCom and the errors are those of :class:`AliyunSendBatchSmsOperator`.
    """

    template_fields: Sequence[str] = (
        "recipients",
        "recipients_sql",
        "recipients_conn_id",
        "recipients_parameters",
        "send_copies_to",
        "column_mapping",
        "columns",
        "encoding",
        "delimiter",
        "sheet",
        "null_values",
        "phone_region",
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
        "resend_rejected",
        "is_dry_run",
        "aliyun_sms_conn_id",
    )
    operator_extra_links = (
        AliyunSmsCampaignLink(),
        AliyunSmsGlobeConsoleLink(),
        AliyunSmsReceiptsLink(),
    )
    number_field = "to"
    _product = GLOBE

    def __init__(
        self,
        *,
        recipients: Any = None,
        message: str | None = None,
        messages: Mapping[str, str] | None = None,
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
        self.messages = messages
        if message is not None and messages is not None:
            raise ConfigurationError("message and messages exclude each other")
        check_split(split=self.split, texts=messages)
        self.template_param = template_param
        self.message_type = message_type
        self.sender_id = sender_id
        self.validity_period = validity_period
        self.channel_id = channel_id
        self.refused_regions = refused_regions
        check_texts(message=message, message_type=message_type, sender_id=sender_id, channel_id=channel_id)
        check_mapping("template_param", template_param)
        self._check_validity_period()

    def _check_validity_period(self) -> None:
        # Of another type, or negative, the gateway refuses everybody, one call after the other.
        if self.validity_period is not None:
            check_whole("validity_period", self.validity_period, low=1, high=LONGEST_VALIDITY)

    def make_channel(self) -> Channel:
        """Return the channel to ``BatchSendMessageToGlobe``, with the operator's message type and sender id."""
        from airflow_provider_aliyunsms.audience.rules import check_sender_id
        from airflow_provider_aliyunsms.campaign.channels import GlobeChannel

        self._check_validity_period()
        check_texts(message_type=self.message_type, sender_id=self.sender_id, channel_id=self.channel_id)
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

    def make_texts(self) -> Texts:
        """Return the text of the task, before variables are filled in."""
        from airflow_provider_aliyunsms.campaign.plan import Texts

        return Texts(message=unwrap(self.message))

    def make_rules(self) -> RecipientRules:
        """Return the rules that turn a row into a recipient of ``BatchSendMessageToGlobe`` or reject it."""
        from airflow_provider_aliyunsms.audience.rules import GlobeRules

        def rules(message: str | None, message_of: Callable[[str], str] | None = None) -> RecipientRules:
            return GlobeRules(
                message=message,
                template_param=unwrap(self.template_param),
                refused_regions=self.refused_regions,
                phone_region=self.phone_region,
                message_of=message_of,
            )

        if self.groups is None:
            return rules(unwrap(self.message))
        # Each of them is checked before any row is: a text that cannot be sent would reject all rows of its group.
        for text in self.groups.texts.values():
            rules(text)
        return rules(None, self.groups.text_or_any)

    def texts_by_group(self) -> Mapping[str, str] | None:
        """Return the message of each group of the split."""
        return self.messages

# SPDX-License-Identifier: Apache-2.0
"""Make API calls through an Airflow connection, with the hook and its connection form."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret, redact

from airflow_provider_aliyunsms.api.credentials import Credentials, announcing
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    ConfigurationError,
    CredentialsRefusedError,
)
from airflow_provider_aliyunsms.get_provider_info import get_provider_info
from airflow_provider_aliyunsms.hooks.clients import client_for, provider_for
from airflow_provider_aliyunsms.hooks.connection_test import (
    ConnectionTest,
    explain_configuration,
    run_connection_test,
)
from airflow_provider_aliyunsms.hooks.settings import read_settings
from airflow_provider_aliyunsms.private import without_locals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Connection
    from wtforms import Field

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.credentials import CredentialsProvider
    from airflow_provider_aliyunsms.api.models import MessageStatus, SendDetailsPage, SendResponse
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace, PaceMember
    from airflow_provider_aliyunsms.hooks.settings import ConnectionSettings
    from airflow_provider_aliyunsms.products import Product


class AliyunSmsHook(BaseHook):
    """
    Call the Alibaba Cloud SMS APIs through one Airflow connection of type ``aliyun_sms``.

    Making a hook costs nothing: the connection is fetched at the first use and kept. The fields of the
    connection:

    * **Login**: AccessKey ID.
    * **Password**: AccessKey secret.
    * **Host**: an endpoint to use for both APIs, ``https://...``; plain ``http`` only to a loopback address.
      **Port**: used with the host if set.
    * **Extra**: ``region_id`` and ``globe_region_id`` choose the endpoints of the China and the Globe API;
      ``sign_name`` and ``sender_id`` are defaults for recipients without their own; ``alert_phone_numbers`` are the
      numbers of alerts that name none, with commas between them; ``connect_timeout`` and ``read_timeout`` are seconds
      (5 and 10). ``china_qps`` and ``globe_qps`` are calls a second that the account may make, ``query_qps``
      queries a second, and ``pace_conn_id`` is the Redis connection by which all tasks keep them together.
      ``oss_endpoint`` is the endpoint of the buckets of ``oss://`` paths that name this connection, in place of the
      one of ``region_id``. Other names are ignored.
    * **Extra, credentials**: ``credential_type`` says where they come from. ``access_key``, the default: login and
      password, with a ``security_token`` if there is one. ``sts``: the same, token required. The other types are
      fetched and renewed by the package ``alibabacloud-credentials`` (extra ``credentials``). ``ram_role_arn`` and
      ``oidc_role_arn`` read ``role_arn``, ``role_session_name``, ``role_session_expiration``, ``policy`` and
      ``sts_endpoint``; the first also ``external_id``, the second also ``oidc_provider_arn`` and
      ``oidc_token_file_path``. ``ecs_ram_role`` reads ``role_name`` and ``disable_imds_v1``, ``credentials_uri``
      reads ``credentials_uri``, and ``default`` is the package's own chain.

    A connection of type ``alibaba_cloud`` of Airflow's official provider works as well: its ``access_key_id`` and
    ``access_key_secret`` are read from the extra.

    To send a campaign use the operators: they record what they send, so that a retry does not send it again. The
    methods here record nothing.

    :param aliyun_sms_conn_id: the connection to use.
    """

    conn_name_attr = "aliyun_sms_conn_id"
    default_conn_name = "aliyun_sms_default"
    conn_type = "aliyun_sms"
    hook_name = "Alibaba Cloud SMS"

    def __init__(self, aliyun_sms_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aliyun_sms_conn_id = aliyun_sms_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the layout of the standard fields of the connection form, for Airflow below 3.2."""
        return field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields of the connection form, for Airflow below 3.2."""
        return form_widgets()

    @cached_property
    def connection(self) -> Connection:
        """
        The Airflow connection; fetched at the first use and kept.

        :raises AirflowNotFoundException: there is no connection of this id.
        """
        return self.get_connection(self.aliyun_sms_conn_id)

    @cached_property
    def settings(self) -> ConnectionSettings:
        """
        The checked fields of the connection.

        Read at the first use; from then on, the AccessKey secret and the token are masked in logs.

        :raises CredentialsError: the AccessKey ID, the secret or the token is missing or malformed.
        :raises ConfigurationError: a field is wrong or missing.
        """
        settings = read_settings(self.connection)
        found = settings.credentials
        known = found if isinstance(found, Credentials) else found.access_key
        # Before the settings are returned: from there on a secret could reach a log.
        if known is not None:
            _mask(known)
        if settings.ledger_secret:
            mask_secret(settings.ledger_secret)
        return settings

    @property
    def sign_name(self) -> str | None:
        """The default SMS signature of this connection."""
        return self.settings.sign_name

    @property
    def sender_id(self) -> str | None:
        """The default sender ID of this connection, for the Globe API."""
        return self.settings.sender_id

    def account_pace(self, *, product: Product, most: float | None, connections: int) -> AccountPace | None:
        """
        Return the limit that all tasks with this account share; connects to nothing yet.

        :param product: which of the two APIs.
        :param most: calls a second that the caller makes at most; None for no limit of its own.
        :param connections: how many calls it may have in flight.
        :returns: None when the connection has no ``pace_conn_id``, or no limit for this API.
        :raises ConfigurationError: the extra ``redis`` is not installed.
        """
        from airflow_provider_aliyunsms.hooks.account_pace import account_pace_for

        return account_pace_for(self.settings, product=product, most=most, connections=connections)

    def query_pace(self, *, product: Product) -> PaceMember | None:
        """
        Return the limit that all queries with this account share; connects to nothing yet.

        :param product: which of the two APIs is asked.
        :returns: None when the connection has no ``pace_conn_id``, or no ``query_qps``.
        :raises ConfigurationError: the extra ``redis`` is not installed.
        """
        from airflow_provider_aliyunsms.hooks.account_pace import query_pace_for

        return query_pace_for(self.settings, product=product)

    @without_locals
    def get_conn(self) -> AliyunSmsClient:
        """
        Return the API client; made at the first call, kept, and safe to share between threads.

        Credentials that renew themselves are fetched once here, so that a wrong role is found before anything is
        sent. Later the provider is asked for them before every request.

        :raises ConfigurationError: a field of the connection is wrong or missing.
        :raises CredentialsError: there are no usable credentials. After its subclass
            :class:`~airflow_provider_aliyunsms.exceptions.CredentialsRefusedError` another try may succeed.
        :raises ConnectionNotMadeError: the credentials could not be fetched now.
        """
        return self._client

    @cached_property
    def credentials_provider(self) -> CredentialsProvider:
        """
        The provider that is asked for credentials before every signature; made without a network call.

        :raises CredentialsError: there are none, or the package for this kind of credentials is missing.
        :raises ConfigurationError: a field is wrong or missing.
        """
        provider = provider_for(self.settings)
        if isinstance(self.settings.credentials, Credentials):
            return provider
        # Announced to _mask in the thread that signs and before their first use, so that no renewed secret can reach
        # a log unmasked.
        return announcing(provider, on_new=_mask)

    @cached_property
    def _client(self) -> AliyunSmsClient:
        settings = self.settings
        provider = self.credentials_provider
        if isinstance(settings.credentials, Credentials):
            return client_for(settings, credentials=provider)
        try:
            provider()
        except CampaignDoomedError as error:
            raise CredentialsRefusedError(error.message, code=error.code, advice=error.advice) from None
        return client_for(settings, credentials=provider)

    @without_locals
    def send_sms(
        self,
        *,
        phone_numbers: Sequence[str],
        template_code: str,
        sign_name: str | None = None,
        template_param: Mapping[str, str] | None = None,
        out_id: str | None = None,
    ) -> SendResponse:
        """
        Send one text to 1 to 1000 phone numbers in China, such as an alert; one call, charged per message.

        **Not idempotent**: a task that calls this and is retried sends, and pays, again. Set ``retries=0`` on it, or
        use ``AliyunSendBatchSmsOperator``, whose retries do not send again.
        https://help.aliyun.com/document_detail/419273.html

        :param phone_numbers: 1 to 1000 numbers.
        :param template_code: such as ``SMS_152550005``.
        :param sign_name: the SMS signature; None for the connection's default.
        :param template_param: values of the template's variables.
        :param out_id: a label of your own that look-ups and receipts return.
        :raises AmbiguousOutcomeError: it may or may not have been sent; look it up before you send again.
        :raises NotSentError: certainly not sent; may be sent again after a wait.
        :raises RequestRefusedError: certainly not sent; the request is wrong.
        :raises CampaignDoomedError: certainly not sent; signature, template, balance or account is at fault.
        :raises ConfigurationError: there is no signature here and none in the connection.
        """
        signature = sign_name or self.sign_name
        if not signature:
            raise ConfigurationError(
                "There is no SMS signature.",
                advice="Pass sign_name, or set sign_name in the extra of the connection.",
            )
        return self.get_conn().send_sms(
            phone_numbers=phone_numbers,
            sign_name=signature,
            template_code=template_code,
            template_param=template_param,
            out_id=out_id,
        )

    @without_locals
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
        Look up the delivery of the messages to one phone number in China on one day; free, and safe to repeat.

        Failed attempts are repeated a few times. Records appear some time after sending, so an empty page proves
        nothing.
        https://help.aliyun.com/document_detail/419277.html

        :param phone_number: one phone number.
        :param send_date: the day in China, as ``yyyyMMdd``; at most 30 days back.
        :param page_size: records on a page, 1 to 50.
        :param current_page: counted from 1.
        :param biz_id: only the messages of the send with this id.
        :raises ApiError: no usable response even after a few attempts, or a refusal.
        """
        return self.get_conn().query_send_details(
            phone_number=phone_number,
            send_date=send_date,
            page_size=page_size,
            current_page=current_page,
            biz_id=biz_id,
        )

    @without_locals
    def query_message(self, *, message_id: str) -> MessageStatus:
        """
        Look up the delivery of one message of the Globe API; free, and safe to repeat.

        Failed attempts are repeated a few times. A status of None means that there is no record, or none yet.
        https://www.alibabacloud.com/help/en/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

        :param message_id: an id from the response to ``BatchSendMessageToGlobe``.
        :raises ApiError: no usable response even after a few attempts, or a refusal.
        """
        return self.get_conn().query_message(message_id=message_id)

    def test_connection(self) -> tuple[bool, str]:
        """
        Test the connection by asking the China API for one signature; sends nothing, costs nothing, shows no secret.

        Credentials that are valid but may not list signatures count as a success, and the text says so.

        :returns: whether the test succeeded, and a text to show. No error is raised.
        """
        verdict = self._verdict()
        return verdict.ok, str(redact(verdict.message))

    def _verdict(self) -> ConnectionTest:
        try:
            return run_connection_test(self.settings)
        except ConfigurationError as error:
            return explain_configuration(error)
        except AirflowNotFoundException:
            return ConnectionTest(ok=False, message=f"There is no connection {self.aliyun_sms_conn_id!r}.")
        except Exception as error:  # noqa: BLE001 - Airflow would show its text without masking
            return ConnectionTest(
                ok=False,
                message=f"The test itself failed ({type(error).__name__}). Please report it as a bug.",
            )


def _mask(credentials: Credentials) -> None:
    mask_secret(credentials.access_key_secret)
    if credentials.security_token:
        mask_secret(credentials.security_token)


def field_behaviour() -> dict[str, Any]:
    """Return the hidden fields, labels and placeholders of the standard fields of the connection form."""
    behaviour: dict[str, Any] = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def form_widgets() -> dict[str, Any]:
    """Return the wtforms fields of the extra; Airflow calls this only where it has wtforms or replaces it."""
    # Imported here and not at the top: Airflow 3.2 and later has no wtforms, and 3.0 and 3.1 replace it by stand-ins
    # while this runs. The stand-ins have only these three classes and these three arguments.
    from wtforms import IntegerField, PasswordField, StringField

    fields: dict[str, Any] = {}
    for name, definition in _connection_type()["conn-fields"].items():
        schema = definition["schema"]
        kind: type[Field] = IntegerField if "integer" in schema["type"] else StringField
        if schema.get("format") == "password":
            kind = PasswordField
        fields[name] = kind(
            definition["label"], description=definition["description"], default=schema.get("default")
        )
    return fields


def _connection_type() -> dict[str, Any]:
    info: dict[str, Any] = get_provider_info()
    (connection_type,) = info["connection-types"]
    found: dict[str, Any] = connection_type
    return found

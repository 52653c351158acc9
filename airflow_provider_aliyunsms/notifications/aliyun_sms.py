# SPDX-License-Identifier: Apache-2.0
"""The notifier: an SMS to a few phones from a callback."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2
    from airflow.providers.common.compat.sdk import Connection, Context

__all__ = ["AliyunSmsNotifier", "send_aliyun_sms_notification"]

log = logging.getLogger(__name__)

MOST_PER_HOUR = 1000


class AliyunSmsNotifier(BaseNotifier):
    """
    Send one short text to a few phones, from ``on_failure_callback``, a deadline alert or any other callback.

    Costs one call and one message for each recipient, and never more than ``max_per_hour`` messages: they are
    counted in a file, together for all on this machine that use the same connection, template and signature.
    Machines that do not share ``state_dir`` count for themselves. What is over the limit, or cannot be counted, is
    not sent, and the log says so.

    Nothing is sent twice: a call without a clear answer is logged and not repeated. A recipient who is refused does
    not keep the others from theirs. No failure leaves the notifier, because the failure it reports must stay in
    sight: look for errors in the log of the task, the DAG processor or the triggerer, wherever the callback ran.

    Variables are cut to 35 characters; links, brackets, emoji and ornaments, which the API refuses, are taken out.

    API: https://help.aliyun.com/document_detail/419273.html

    :param phone_numbers: up to 10 numbers, as a list or as one text with commas. (templated)
    :param template_code: the approved template, such as ``SMS_152550005``. (templated)
    :param sign_name: the signature; falls back to the connection's. (templated)
    :param template_param: the template's variables, such as ``{"dag": "{{ dag.dag_id }}"}``. (templated)
    :param max_per_hour: messages an hour, 1 to 1000.
    :param state_dir: the folder of the count; ``aliyun_sms_alerts`` below ``AIRFLOW_HOME`` by default.
    :param aliyun_sms_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = (
        "phone_numbers",
        "template_code",
        "sign_name",
        "template_param",
        "aliyun_sms_conn_id",
    )

    def __init__(
        self,
        *,
        phone_numbers: str | Sequence[str],
        template_code: str,
        sign_name: str | None = None,
        template_param: Mapping[str, Any] | None = None,
        max_per_hour: int = 10,
        state_dir: str | None = None,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        **kwargs: Any,
    ) -> None:
        # before the base class: it looks at the template fields
        self.phone_numbers = phone_numbers
        self.template_code = template_code
        self.sign_name = sign_name
        self.template_param = template_param
        self.max_per_hour = max_per_hour
        self.state_dir = state_dir
        self.aliyun_sms_conn_id = aliyun_sms_conn_id
        self._templates: dict[str, Any] | None = None
        self._unrenderable = False
        super().__init__(**kwargs)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render from the templates each time: one instance may report several failures, each with its own names."""
        if self._templates is None:
            self._templates = {name: getattr(self, name) for name in self.template_fields}
        for name, template in self._templates.items():
            setattr(self, name, copy.deepcopy(template))
        try:
            super().render_template_fields(context, jinja_env)
            self._unrenderable = False
        except Exception as error:  # noqa: BLE001 - whatever a template raises must not leave a callback
            self._unrenderable = True
            log.error("The alert is not sent: a template cannot be rendered (%s).", type(error).__name__)

    def notify(self, context: Context) -> None:  # noqa: ARG002 - the fields are rendered already
        """Send; raises nothing."""
        if self._unrenderable:
            return
        try:
            from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

            self._send(AliyunSmsHook.get_connection(self.aliyun_sms_conn_id))
        except Exception as error:  # noqa: BLE001 - see the class: no failure leaves the notifier
            self._log_failure(error)

    async def async_notify(self, context: Context) -> None:  # noqa: ARG002 - the same
        """Send without blocking the loop; raises nothing."""
        if self._unrenderable:
            return
        try:
            from airflow.providers.common.compat.connection import get_async_connection

            connection = await get_async_connection(self.aliyun_sms_conn_id)
            await asyncio.to_thread(self._send, connection)
        except Exception as error:  # noqa: BLE001 - the same
            self._log_failure(error)

    def _send(self, connection: Connection) -> None:
        from airflow_provider_aliyunsms.hooks.clients import client_for
        from airflow_provider_aliyunsms.hooks.settings import read_settings
        from airflow_provider_aliyunsms.notifications.alert import Alert, send_alert
        from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap

        settings = read_settings(connection)
        alert = self._alert(Alert, default_sign_name=settings.sign_name)
        cap = HourlyCap(
            folder=self._folder(),
            identity=f"{self.aliyun_sms_conn_id} {alert.template_code} {alert.sign_name}",
            limit=self.max_per_hour,
        )
        client = client_for(settings)
        try:
            send_alert(alert, client=client, cap=cap)
        finally:
            client.close()

    def _alert(self, make: Any, *, default_sign_name: str | None) -> Any:
        limit: object = self.max_per_hour
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_PER_HOUR:
            raise ConfigurationError(f"max_per_hour must be a whole number from 1 to {MOST_PER_HOUR}")
        sign_name = self.sign_name or default_sign_name
        if not sign_name:
            raise ConfigurationError(
                "There is no SMS signature.",
                advice="Pass sign_name, or set sign_name in the extra of the connection.",
            )
        if not self.template_code:
            raise ConfigurationError("template_code is missing")
        return make(
            phone_numbers=self.phone_numbers,
            template_code=self.template_code,
            sign_name=sign_name,
            template_param=self.template_param,
        )

    def _folder(self) -> Path:
        if self.state_dir:
            return Path(self.state_dir).expanduser()
        return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "aliyun_sms_alerts"

    def _log_failure(self, error: Exception) -> None:
        if isinstance(error, AliyunSmsError):
            log.error("The alert is not sent. %s", error)
        elif isinstance(error, OSError):
            log.error(
                "The alert is not sent: it cannot be counted in %s (%s).",
                self._folder(),
                type(error).__name__,
            )
        else:
            # the text of an error we do not know could hold anything
            log.error("The alert is not sent (%s).", type(error).__name__)


send_aliyun_sms_notification = AliyunSmsNotifier

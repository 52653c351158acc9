# SPDX-License-Identifier: Apache-2.0
"""Provide the notifier that sends an SMS to a few phone numbers from an Airflow callback."""

from __future__ import annotations

import copy
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.task_errors import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2
    from airflow.providers.common.compat.sdk import Connection, Context

__all__ = ["AliyunSmsNotifier", "send_aliyun_sms_notification"]

log = logging.getLogger(__name__)

MOST_PER_HOUR = 1000

_MAY_HAVE_GAPS = frozenset({"phone_numbers", "sign_name", "template_param"})


class AliyunSmsNotifier(BaseNotifier):
    """
    Send one short text to a few phone numbers, from ``on_failure_callback``, a deadline alert or another callback.

    Costs one call and one message for each recipient, and never more than ``max_per_hour`` messages an hour. They
    are counted in a file, together for all notifiers on this machine with the same connection, template and
    signature. Machines that do not share ``state_dir`` count separately. A message over the limit, or one that
    cannot be counted, is not sent, and the log says so.

    Where the connection has ``pace_conn_id`` and ``china_qps``, its calls count against this limit of the account,
    and go before those of all campaigns. It waits up to 30 seconds for room, or for Redis; then the message is not
    sent, and the log says why.

    Nothing is sent twice: a call without a clear response is logged and not repeated. One refused recipient does not
    stop the messages to the others. The notifier raises no error, because the failure it reports must stay visible:
    look for errors in the log of the task, the DAG processor or the triggerer, wherever the callback ran.

    Variables are cut to 35 characters. The API refuses links, special brackets, emoji and ornaments: brackets become
    round ones, the others are taken out.

    API: https://help.aliyun.com/document_detail/419273.html

    :param phone_numbers: up to 10 numbers, as a list or as one text with commas (``,`` or ``，``), semicolons or
        line ends; by default the connection's ``alert_phone_numbers``. Airflow stores the arguments of a deadline
        alert in its database, unencrypted, so that numbers named here are readable there; those of the connection
        are encrypted. Example: ``"{{ var.value.on_call }}"``. (templated)
    :param template_code: the approved template. Example: ``"SMS_152550005"``. (templated)
    :param sign_name: the signature; by default the connection's. Example: ``"阿里云"``. (templated)
    :param template_param: the template's variables; one that is not known where the callback runs becomes ``-``.
        Example: ``{"dag": "{{ dag.dag_id }}"}``. (templated)
    :param max_per_hour: the largest number of messages within an hour, 1 to 1000. Unit: messages an hour.
        Example: ``3``.
    :param state_dir: the folder of the file that counts; by default ``aliyun_sms_alerts`` below ``AIRFLOW_HOME``.
        Example: ``"/shared/alerts"``.
    :param aliyun_sms_conn_id: the Airflow connection. Example: ``"my_sms"``. (templated)
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
        phone_numbers: str | Sequence[str] | None = None,
        template_code: str,
        sign_name: str | None = None,
        template_param: Mapping[str, Any] | None = None,
        max_per_hour: int = 10,
        state_dir: str | None = None,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        **kwargs: Any,
    ) -> None:
        # Set before the constructor of the base class runs, because it reads the template fields.
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
        """
        Render the template fields, each time from the original templates.

        One instance may report several failures, each with other values. A template that cannot be rendered is
        logged; in its place goes out what can be said: a dash for an unknown value, the signature of the connection.
        Without a template code or a connection nothing is sent.
        """
        # Saved before the first rendering replaces them; saved later, every alert would repeat the first one.
        if self._templates is None:
            self._templates = {name: getattr(self, name) for name in self.template_fields}
        for name, template in self._templates.items():
            setattr(self, name, copy.deepcopy(template))
        self._unrenderable = False
        try:
            environment = jinja_env or self.get_template_env(dag=context.get("dag"))
            for name, template in self._templates.items():
                self._render_field(name, template, context=context, environment=environment)
        except Exception as error:  # noqa: BLE001 - an error of a template must not fail the callback
            self._unrenderable = True
            say(log, logging.ERROR, "The alert is not sent: %s.", _why(error), next_step=_advice(error))

    def _render_field(self, name: str, template: Any, *, context: Context, environment: Any) -> None:
        """
        Render one field; what is not known becomes a dash, where the alert can be sent all the same.

        :raises ConfigurationError: the field says what is sent, or through which account.
        """
        from airflow_provider_aliyunsms.notifications.wording import render_leniently

        try:
            self._do_render_template_fields(self, [name], context, environment, set())
        except Exception as error:
            if name not in _MAY_HAVE_GAPS:
                raise
            say(
                log,
                logging.ERROR,
                "The alert goes out with what is known: %s.",
                _why(error),
                next_step=_advice(error),
            )
            rendered = None
            if name != "sign_name":
                rendered = render_leniently(
                    copy.deepcopy(template),
                    render=lambda one, tried: self.render_template(one, context, tried, set()),
                    environment=environment,
                )
            setattr(self, name, rendered)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        from airflow_provider_aliyunsms.rendering import render_fields

        # Airflow's own rendering would log the numbers and variables when it fails.
        render_fields(
            self,
            parent=parent,
            fields=template_fields,
            context=context,
            jinja_env=jinja_env,
            seen_oids=seen_oids,
        )

    def notify(self, context: Context) -> None:  # noqa: ARG002 - the fields are rendered already
        """Send the alert; an error is logged and not raised."""
        if self._unrenderable:
            return
        try:
            from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

            self._send(AliyunSmsHook.get_connection(self.aliyun_sms_conn_id))
        except Exception as error:  # noqa: BLE001 - the notifier raises no error, see the class
            self._log_failure(error)

    async def async_notify(self, context: Context) -> None:  # noqa: ARG002 - the same
        """Send the alert from a thread, so that the event loop is not blocked; an error is logged and not raised."""
        if self._unrenderable:
            return
        try:
            from airflow.providers.common.compat.connection import get_async_connection

            from airflow_provider_aliyunsms.hooks.account_pace import redis_connection
            from airflow_provider_aliyunsms.hooks.settings import read_settings
            from airflow_provider_aliyunsms.own_thread import in_own_thread

            connection = await get_async_connection(self.aliyun_sms_conn_id)
            redis = await redis_connection(read_settings(connection))
            await in_own_thread(lambda: self._send(connection, redis), name="aliyun-sms-alert")
        except Exception as error:  # noqa: BLE001 - the same
            self._log_failure(error)

    def _send(self, connection: Connection, redis: Connection | None = None) -> None:
        from airflow_provider_aliyunsms.hooks.account_pace import account_pace_for
        from airflow_provider_aliyunsms.hooks.clients import client_for
        from airflow_provider_aliyunsms.hooks.settings import read_settings
        from airflow_provider_aliyunsms.notifications.alert import Alert, send_alert
        from airflow_provider_aliyunsms.notifications.hourly_cap import HourlyCap
        from airflow_provider_aliyunsms.products import CHINA

        settings = read_settings(connection)
        alert = self._alert(
            Alert, default_sign_name=settings.sign_name, default_phone_numbers=settings.alert_phone_numbers
        )
        cap = HourlyCap(
            folder=self._folder(),
            identity=f"{self.aliyun_sms_conn_id} {alert.template_code} {alert.sign_name}",
            limit=self.max_per_hour,
        )
        client = client_for(settings)
        try:
            send_alert(
                alert,
                client=client,
                cap=cap,
                make_pace=lambda calls: account_pace_for(
                    settings, product=CHINA, most=calls, connections=1, urgent=True, redis=redis
                ),
            )
        finally:
            client.close()

    def _alert(self, make: Any, *, default_sign_name: str | None, default_phone_numbers: str | None) -> Any:
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
        phone_numbers = default_phone_numbers if self.phone_numbers is None else self.phone_numbers
        if phone_numbers is None:
            raise ConfigurationError(
                "There are no phone numbers.",
                advice="Pass phone_numbers, or set alert_phone_numbers in the extra of the connection.",
            )
        return make(
            phone_numbers=phone_numbers,
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
            say(log, logging.ERROR, "The alert is not sent.")
            tell(error)
        elif isinstance(error, OSError):
            say(
                log,
                logging.ERROR,
                "The alert is not sent: it cannot be counted in %s (%s).",
                self._folder(),
                type(error).__name__,
                next_step="Give the notifier a state_dir that this process may write to.",
            )
        else:
            # Only the type is logged: the text of an unknown error could hold a phone number or a secret.
            say(log, logging.ERROR, "The alert is not sent (%s).", type(error).__name__)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, ConfigurationError) else type(error).__name__


def _advice(error: Exception) -> str | None:
    return error.advice if isinstance(error, ConfigurationError) else None


send_aliyun_sms_notification = AliyunSmsNotifier

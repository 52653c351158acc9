# SPDX-License-Identifier: Apache-2.0
"""
``@task.aliyun_sms`` and ``@task.aliyun_sms_globe``: the decorated function returns the recipients.

Two names rather than a parameter: the two operators need different arguments, and a missing ``template_code`` should
be an error of the DAG file and not of its first run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    SET_DURING_EXECUTION,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_aliyunsms.exceptions import AudienceError
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)
from airflow_provider_aliyunsms.operators.base import AliyunSmsSendOperator
from airflow_provider_aliyunsms.operators.redaction import hide_values
from airflow_provider_aliyunsms.private import Private, unwrap

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

__all__ = ["aliyun_sms_globe_task", "aliyun_sms_task"]

_CALL_FIELDS = ("op_args", "op_kwargs")
_RENDERERS = AliyunSmsSendOperator.template_fields_renderers | dict.fromkeys(_CALL_FIELDS, "json")


class _Decorated(DecoratedOperator, AliyunSmsSendOperator):
    """
    A send operator whose recipients a function returns.

    The function runs again in every try: who was sent to before is not sent to again, whatever it returns then.

    :param python_callable: returns what ``recipients`` takes: a list, or the path of a file. What it returns is
        data, and no template is looked for in it.
    :param op_args: its positional arguments. (templated, not shown)
    :param op_kwargs: its keyword arguments. (templated, only their names are shown)
    """

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            recipients=SET_DURING_EXECUTION,
            **kwargs,
        )

    @property
    def audience_is_given(self) -> bool:
        """No: the function may return something else in the next try."""
        return False

    def execute(self, context: Context) -> Any:
        """Call the function, then send; see the operator."""
        self.op_args, self.op_kwargs = unwrap(self.op_args), unwrap(self.op_kwargs)
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        with self.recorded(context):
            recipients = self.python_callable(*self.op_args, **kwargs)
        if recipients is None:
            raise AudienceError(
                "The decorated function returned nothing.",
                advice="Return the recipients: a list, or the path of a file. An empty list sends nothing.",
            )
        self.recipients = Private(recipients, description="recipients, not shown")
        # Past DecoratedOperator.execute, which on Airflow 3.0 asks for a method that no operator has there. It would
        # only look for assets in what is returned, and that is our summary.
        return AliyunSmsSendOperator.execute(self, context)

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        """Render, then hide what a task upstream may have handed over: recipients, most likely."""
        super()._do_render_template_fields(*args, **kwargs)
        for name in _CALL_FIELDS:
            if unwrap(getattr(self, name)):
                setattr(self, name, hide_values(getattr(self, name)))


class _ChinaDecorated(_Decorated, AliyunSendBatchSmsOperator):
    template_fields: Sequence[str] = (*_CALL_FIELDS, *AliyunSendBatchSmsOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = _RENDERERS
    custom_operator_name = "@task.aliyun_sms"


class _GlobeDecorated(_Decorated, AliyunBatchSendMessageToGlobeOperator):
    template_fields: Sequence[str] = (*_CALL_FIELDS, *AliyunBatchSendMessageToGlobeOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = _RENDERERS
    custom_operator_name = "@task.aliyun_sms_globe"


def aliyun_sms_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """
    Send to whom the decorated function returns, through ``SendBatchSms``.

    :param python_callable: the function.
    :param kwargs: the parameters of ``AliyunSendBatchSmsOperator`` but ``recipients``.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_ChinaDecorated, **kwargs
    )


def aliyun_sms_globe_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """
    Send to whom the decorated function returns, through ``BatchSendMessageToGlobe``.

    :param python_callable: the function.
    :param kwargs: the parameters of ``AliyunBatchSendMessageToGlobeOperator`` but ``recipients``.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_GlobeDecorated, **kwargs
    )

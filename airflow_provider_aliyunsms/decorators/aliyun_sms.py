# SPDX-License-Identifier: Apache-2.0
"""
Define the decorators ``@task.aliyun_sms`` and ``@task.aliyun_sms_globe``.

The decorated function returns the recipients, and the task sends to them. There are two decorators instead of one
with a parameter, because the two operators need different arguments: a missing ``template_code`` is reported when the
DAG file is parsed, not in the first run.
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
from airflow_provider_aliyunsms.task_errors import with_short_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

__all__ = ["aliyun_sms_globe_task", "aliyun_sms_task"]

_CALL_FIELDS = ("op_args", "op_kwargs")
_RENDERERS = AliyunSmsSendOperator.template_fields_renderers | dict.fromkeys(_CALL_FIELDS, "json")


class _Decorated(DecoratedOperator, AliyunSmsSendOperator):
    """
    Send to the recipients that a Python function returns.

    The function runs again in every try. A recipient that an earlier try sent to is not sent to again, even if the
    function returns it again.

    :param python_callable: returns a value that ``recipients`` takes: a list, or the path of a file. The returned
        value is data: templates in it are not rendered.
    :param op_args: the function's positional arguments. (templated, not shown)
    :param op_kwargs: the function's keyword arguments. (templated, only their names are shown)
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
        """Whether every try has the same recipients: no, the function may return others in the next try."""
        return False

    @with_short_errors
    def execute(self, context: Context) -> Any:
        """Call the decorated function and send to the recipients it returns; see the operator."""
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
        # DecoratedOperator.execute is skipped on purpose: on Airflow 3.0 it calls a method that no operator has. It
        # would only look for assets in the returned value, which is the summary.
        return AliyunSmsSendOperator.execute(self, context)

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        super()._do_render_template_fields(*args, **kwargs)
        # The arguments may hold recipients from a task upstream. Hidden after the rendering, because Jinja needs the
        # values, and before Airflow stores the rendered fields.
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
    Make a task that sends through ``SendBatchSms`` to the recipients the decorated function returns.

    :param python_callable: the decorated function.
    :param kwargs: the parameters of ``AliyunSendBatchSmsOperator``, without ``recipients``.
    :returns: the decorator, or the decorated task when ``python_callable`` is passed.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_ChinaDecorated, **kwargs
    )


def aliyun_sms_globe_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """
    Make a task that sends through ``BatchSendMessageToGlobe`` to the recipients the decorated function returns.

    :param python_callable: the decorated function.
    :param kwargs: the parameters of ``AliyunBatchSendMessageToGlobeOperator``, without ``recipients``.
    :returns: the decorator, or the decorated task when ``python_callable`` is passed.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_GlobeDecorated, **kwargs
    )

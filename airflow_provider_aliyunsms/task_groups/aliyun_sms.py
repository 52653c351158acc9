# SPDX-License-Identifier: Apache-2.0
"""
Define ``sms_campaign``, the task group of a whole campaign, from its rehearsal to its report.

::

    rehearsal -> approval -> seeds -> canary -> canary_delivery -> send -> delivery -> report

Every step can be left out; the next one then follows the one before. ``canary`` and ``send`` are one campaign with
one ledger: ``send`` sends to everybody whom ``canary`` has not sent to.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow.providers.common.compat.sdk import TaskGroup

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
    AliyunSmsReportOperator,
)
from airflow_provider_aliyunsms.operators.guards import check_guards
from airflow_provider_aliyunsms.operators.rehearsal import (
    AliyunBatchSendMessageToGlobeRehearsal,
    AliyunSendBatchSmsRehearsal,
)
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_aliyunsms.campaign.guards import Canary, Guard
    from airflow_provider_aliyunsms.operators.base import AliyunSmsSendOperator

__all__ = ["sms_campaign"]

IF_POSSIBLE: Final = "if possible"
"""The value of ``approval`` with which an Airflow that has no approvals does without."""

RESPONSE_TIMEOUT: Final = timedelta(days=1)
DELIVERY_TIMEOUT: Final = timedelta(days=1)

_OPERATORS: Final = {"china": AliyunSendBatchSmsOperator, "globe": AliyunBatchSendMessageToGlobeOperator}
_REHEARSALS: Final = {"china": AliyunSendBatchSmsRehearsal, "globe": AliyunBatchSendMessageToGlobeRehearsal}
_TEXTS: Final = {"china": ("template_code", "templates"), "globe": ("message", "messages")}
_RECEIPT_FILES: Final = (".jsonl", ".csv", ".parquet", ".jsonl.gz", ".csv.gz")

_OWN: Final = {
    "task_id": "The group names its tasks; give group_id.",
    "dry_run": "The step 'rehearsal' is the dry run; leave dry_run out.",
    "resend": "Give another campaign_id to send again to everybody.",
    "shard": "Use AliyunSmsShards and the send operator instead of the group.",
    "send_copies_to": "Give seed_numbers.",
    "trigger_rule": "A step runs after the success of the one before; default_args can have one for the first step.",
}
_NOT_BY_DEFAULT: Final = {
    **{name: advice for name, advice in _OWN.items() if name not in ("task_id", "trigger_rule")},
    **{
        name: f"Give {name} to sms_campaign itself."
        for name in ("guards", "campaign_id", "ledger_path", "receipts_path", "canary", "durable")
    },
}
_SUBJECT: Final = "Send {{{{ {rehearsal}['recipients'] }}}} messages for {{{{ ti.dag_id }}}}?"
# The page holds text of the messages: as code it is shown as it is. Airflow shows a block of code as one paragraph.
_BODY: Final = """\
{{% for line in {rehearsal}['page'].splitlines() %}}
- `{{{{ line | replace('`', "'") }}}}`
{{%- endfor %}}

Approve: it is sent. Reject: nothing is sent, and all that follows is skipped."""


def sms_campaign(
    *,
    group_id: str = "sms_campaign",
    api: Literal["china", "globe"] | None = None,
    campaign_id: str | None = None,
    ledger_path: str | None = None,
    receipts_path: str | None = None,
    guards: Collection[Guard] = (),
    preflight: bool = True,
    rehearsal: bool = True,
    approval: bool | str | Mapping[str, Any] = True,
    seed_numbers: Collection[str] | str | None = None,
    canary: Canary | None = None,
    delivery: bool | Mapping[str, Any] = True,
    min_delivered_ratio: float | None = None,
    report_path: str | None = None,
    price: str | None = None,
    default_args: dict[str, Any] | None = None,
    tooltip: str = "",
    **send: Any,
) -> TaskGroup:
    """
    Return a task group that rehearses a campaign, asks a person, tries it on a few, sends it, and reports.

    Use it within a DAG. The tasks are ``rehearsal``, ``approval``, ``seeds``, ``canary``, ``canary_delivery``,
    ``send``, ``delivery`` and ``report``, each only when it is wanted, one after the other. A step that fails or is
    skipped ends the campaign there: nothing of what follows is sent, and only the report is written. The group ends
    as its last step before the report does.

    Costs: the rehearsal reads the audience twice and sends nothing; each seed number costs one message; everybody in
    the audience costs one message, in ``canary`` or in ``send``. Each task that sends reads the whole audience, so it
    should stay the same: a changed one fails with ``Rehearsed``.

    A retry or a Clear of any of the tasks sends to nobody twice, as long as the ledger exists. Clear ``rehearsal``
    with all that follows to begin anew within the same campaign: who was sent to is not sent to again.

    :param group_id: the id of the group; it stands before the ids of its tasks. Example: ``"spring"``.
    :param api: ``china`` or ``globe``; by default ``china`` with a ``template_code`` or ``templates``, ``globe``
        with a ``message`` or ``messages``. Example: ``"globe"``.
    :param campaign_id: the identity within which nobody is sent to twice; by default dag id, group id and run id.
        The seeds have one of their own, with ``/seeds`` behind it. Example: ``"spring/{{ ds }}"``. (templated)
    :param ledger_path: the folder of the ledgers, as of the send operator; needed for a canary. Example:
        ``"s3://conn_id@bucket/ledgers"``.
    :param receipts_path: a folder for the receipts of ``send``; the other steps have folders in it. Example:
        ``"s3://conn_id@bucket/receipts"``.
    :param guards: judge the rehearsal, the canary and the rest. ``facts.ready`` is the whole audience in each of
        them, ``facts.counts.pending`` are those whom this task would send to. Example: ``[QuietHours("08:00",
        "21:00")]``.
    :param preflight: asks the vendor about template and signatures first, see
        :class:`~airflow_provider_aliyunsms.campaign.guards.Preflight`; without it the approver does not see the
        text of a template. False leaves it out; give one of your own in ``guards`` for other settings. Example:
        ``False``.
    :param rehearsal: False leaves the rehearsal out, and with it the check that audience and texts are still
        those that it has shown. It fails when a guard fails and is skipped when a guard skips, so that nobody is
        asked to approve what would be stopped. Example: ``False``.
    :param approval: True asks a person, who sees the rehearsal in Airflow's own page: Airflow 3.1 or later, with
        the provider ``standard``. ``if possible`` leaves the step out below. A mapping has parameters of the
        ``ApprovalOperator``, such as ``response_timeout`` (by default a day), ``assigned_users`` and
        ``notifiers``. Rejected: all that follows is skipped. No answer in time: the approval fails and nothing is
        sent. Example: ``"if possible"``.
    :param seed_numbers: own phones that get a copy of the first message before anybody else, counted apart: a
        list, or a text with commas. The guards do not judge this step. A number that is also in the audience gets
        its own message later as well. Example: ``["13800001234"]``. (templated)
    :param canary: :class:`~airflow_provider_aliyunsms.campaign.guards.Canary`: a sample of ``size`` goes first;
        the rest follows once ``min_delivered_ratio`` of what was accepted of it was delivered, and not at all
        when it was not after ``wait``. No more of it may be refused by the gateway than may be undelivered: else
        it fails. Example: ``Canary(size=200)``.
    :param delivery: False leaves the last step of waiting for the carriers' receipts out. A mapping has
        parameters of :class:`~airflow_provider_aliyunsms.sensors.aliyun_sms.AliyunSmsDeliverySensor` for both
        sensors, such as ``max_qps``; its ``timeout``, by default a day, is that of the last one. Example:
        ``{"max_qps": 200}``.
    :param min_delivered_ratio: the share that must be delivered in the end; None accepts any. Unit: share of
        accepted messages. Example: ``0.95``.
    :param report_path: the folder of the report, see
        :class:`~airflow_provider_aliyunsms.operators.aliyun_sms.AliyunSmsReportOperator`. It is written however
        the campaign ends, and does not decide how the run ends: a teardown. None leaves the step out. Example:
        ``"/shared/reports"``. (templated)
    :param price: the price of one billing part, for the cost in the report. Example: ``"0.045 CNY"``. (templated)
    :param default_args: of the group's tasks. What decides who gets a message, such as ``guards`` and
        ``ledger_path``, is a parameter of the group: it is refused here, and in the ``default_args`` of the DAG
        where the group is not given it. Example: ``{"retries": 3}``.
    :param tooltip: of the group, in Airflow's interface. Example: ``"The spring campaign"``.
    :param send: the other parameters of the send operator, for all tasks that send: ``recipients``,
        ``template_code``, ``sign_name``, ``max_qps``, ``retries`` and so on. Example:
        ``recipients="/data/members.csv", template_code="SMS_152550005"``.
    :raises ConfigurationError: parameters contradict each other, or this Airflow has no approvals; when the DAG file
        is parsed.
    """
    plan = _Plan(
        api=_api_of(api, send),
        campaign_id=campaign_id,
        ledger_path=ledger_path,
        receipts_path=receipts_path,
        guards=_with_preflight(check_guards(guards), wanted=preflight),
        sensor=_sensor_parameters(delivery=delivery, min_delivered_ratio=min_delivered_ratio),
        send=send,
    )
    ask = _approval_parameters(approval=approval, rehearsal=rehearsal)
    _check_parameters(plan, canary=canary, report_path=report_path, price=price)
    defaults: Any = default_args or {}
    with TaskGroup(group_id=group_id, default_args=defaults, tooltip=tooltip) as group:
        _check_defaults(plan, group=group, guards=guards)
        build = _Steps(plan, group)
        if rehearsal:
            build.rehearsal()
        if ask is not None:
            build.approval(ask)
        if seed_numbers:
            build.seeds(seed_numbers)
        if canary is not None:
            build.canary(canary)
        build.rest()
        if delivery is not False:
            build.delivery(min_delivered_ratio)
        if report_path:
            build.report(report_path, price)
        for before, after in pairwise(build.tasks):
            before >> after
    return group


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The parameters of a group that several of its tasks share."""

    api: str
    campaign_id: str | None
    ledger_path: str | None
    receipts_path: str | None
    guards: tuple[Guard, ...]
    sensor: dict[str, Any]
    send: Mapping[str, Any]


class _Steps:
    """Make the tasks of a group, one after the other; use it within the group."""

    def __init__(self, plan: _Plan, group: TaskGroup) -> None:
        self._plan = plan
        self._group = group
        if [*group.iter_mapped_task_groups()]:
            raise ConfigurationError(
                "sms_campaign cannot be used in a mapped task group",
                advice="Trigger one run of a DAG for each campaign, or call sms_campaign in a loop, each with a "
                "group_id of its own.",
            )
        self._campaign_id = plan.campaign_id or f"{{{{ ti.dag_id }}}}/{group.group_id}/{{{{ run_id }}}}"
        self._consents: list[Guard] = []
        self._checks: list[Guard] = []
        self._of_rest: list[Guard] = []
        self._rehearsal_id = ""
        self.tasks: list[Any] = []

    def rehearsal(self) -> None:
        """Add the rehearsal; what is sent later must be what it has shown."""
        from airflow_provider_aliyunsms.campaign.guards import Rehearsed

        self._rehearsal_id = self._add(
            _REHEARSALS[self._plan.api], "rehearsal", guards=self._plan.guards
        ).task_id
        self._checks = [Rehearsed(digest=f"{{{{ {self._rehearsal_field()}['digest'] }}}}")]

    def approval(self, parameters: Mapping[str, Any]) -> None:
        """Add the approval; nothing is sent without it."""
        from airflow_provider_aliyunsms.campaign.guards import Approved, Rehearsed

        field = self._rehearsal_field()
        operator = _approval_operator()
        if operator is None:
            return
        task = operator(
            **{
                "task_id": "approval",
                "rehearsal": self._rehearsal_id,
                "subject": _SUBJECT.format(rehearsal=field),
                "body": _BODY.format(rehearsal=field),
                "response_timeout": RESPONSE_TIMEOUT,
                # Whoever has not answered in time must not be asked again by a retry.
                "retries": 0,
                **parameters,
                **self._after_success(),
            }
        )
        self.tasks.append(task)
        # What this person was shown, and not what a later rehearsal has shown to nobody.
        self._checks = [Rehearsed(digest=f"{{{{ ti.xcom_pull(task_ids='{task.task_id}', key='digest') }}}}")]
        self._consents = [Approved(task_id=task.task_id, by=_users(parameters.get("assigned_users")))]

    def seeds(self, numbers: Collection[str] | str) -> None:
        """Add the task that sends copies to the own phones."""
        own = {
            "send_copies_to": numbers,
            "campaign_id": f"{self._campaign_id}/seeds",
            # A number that cannot be sent to is a mistake here.
            "max_rejected": 0,
            "max_duplicates": None,
        }
        self._add(_OPERATORS[self._plan.api], "seeds", guards=self._consents, **own)

    def canary(self, canary: Canary) -> None:
        """Add the task that sends to the sample, and the sensor that judges its delivery."""
        from airflow_provider_aliyunsms.campaign.guards import AfterSample, Sample

        # The sample first: all others then judge and count only those who get it now.
        guards = (*self._consents, Sample(size=canary.size), *self._plan.guards, *self._checks)
        task = self._add(
            _OPERATORS[self._plan.api],
            "canary",
            guards=guards,
            error_threshold=_canary_threshold(canary, given=self._plan.send.get("error_threshold", 0.5)),
            **self._after_people(),
        )
        self._add_sensor(
            "canary_delivery",
            campaign=task.output,
            **{
                **self._plan.sensor,
                "min_delivered_ratio": canary.min_delivered_ratio,
                "stop_when_reached": True,
                "timeout": canary.wait,
            },
        )
        self._of_rest = [AfterSample()]

    def rest(self) -> None:
        """Add the task that sends to everybody who was not sent to yet."""
        self._sent = self._add(
            _OPERATORS[self._plan.api],
            "send",
            guards=(*self._of_rest, *self._consents, *self._plan.guards, *self._checks),
            receipts_path=self._plan.receipts_path,
            **self._after_people(),
        )

    def delivery(self, min_delivered_ratio: float | None) -> None:
        """Add the sensor over the whole campaign."""
        parameters = {"timeout": DELIVERY_TIMEOUT, **self._plan.sensor}
        self._add_sensor(
            "delivery", campaign=self._sent.output, min_delivered_ratio=min_delivered_ratio, **parameters
        )

    def report(self, report_path: str, price: str | None) -> None:
        """Add the report as a teardown: it runs whatever became of the others, and does not hide it."""
        names = {task.task_id.rpartition(".")[2]: task.task_id for task in self.tasks}
        task = AliyunSmsReportOperator(
            task_id="report",
            sends=[names[name] for name in ("canary", "send") if name in names],
            deliveries=[names[name] for name in ("canary_delivery", "delivery") if name in names],
            rehearsal=names.get("rehearsal"),
            seeds=names.get("seeds"),
            report_path=report_path,
            price=price,
        )
        self.tasks.append(task.as_teardown())

    def _rehearsal_field(self) -> str:
        return f"ti.xcom_pull(task_ids='{self._rehearsal_id}')['rehearsal']"

    def _add(self, kind: type[Any], task_id: str, *, guards: Collection[Guard], **own: Any) -> Any:
        plan = self._plan
        folder = plan.receipts_path
        task: AliyunSmsSendOperator = kind(
            **{
                **plan.send,
                "task_id": task_id,
                "campaign_id": self._campaign_id,
                "ledger_path": plan.ledger_path,
                # Each step keeps its own: of the same campaign, one would replace the other's.
                "receipts_path": None if folder is None else f"{folder.rstrip('/')}/{task_id}",
                "guards": [*guards],
                **own,
                **self._after_success(),
            }
        )
        self.tasks.append(task)
        return task

    def _add_sensor(self, task_id: str, **parameters: Any) -> None:
        connection = self._plan.send.get("aliyun_sms_conn_id")
        shared = {} if connection is None else {"aliyun_sms_conn_id": connection}
        # A sample, which a sensor of a big campaign may take, says nothing of its groups.
        if self._plan.send.get("split") is not None and parameters.get("sample_size") is None:
            shared["split"] = self._plan.send["split"]
        self.tasks.append(
            AliyunSmsDeliverySensor(
                **{
                    "task_id": task_id,
                    "deferrable": True,
                    **shared,
                    **parameters,
                    **self._after_success(),
                }
            )
        )

    def _after_people(self) -> dict[str, str]:
        # A rehearsal ends where nobody would be sent to. That nobody is left after it is a surprise, and must not end
        # as a green run that has sent nothing.
        return {"on_empty": "fail"} if self._rehearsal_id else {}

    def _after_success(self) -> dict[str, str]:
        # The default_args of a DAG may have another rule, by which the rest would follow a canary that has failed.
        return {"trigger_rule": "all_success"} if self.tasks else {}


def _canary_threshold(canary: Canary, *, given: float | None) -> float:
    # The sensor sees accepted messages only. In decimals as they are written: 1 - 0.9 as a float is less than 0.1.
    undelivered = float(1 - Decimal(str(canary.min_delivered_ratio)))
    return undelivered if given is None else min(given, undelivered)


def _api_of(api: str | None, send: Mapping[str, Any]) -> str:
    given = {
        name: field for name, fields in _TEXTS.items() for field in fields if send.get(field) is not None
    }
    if api is None:
        if len(given) != 1:
            raise ConfigurationError(
                "it is not clear which API is to send",
                advice="Give template_code for mainland China, message for anywhere else, or api='china' or 'globe'.",
            )
        return next(iter(given))
    if api not in _OPERATORS:
        raise ConfigurationError("api must be china or globe")
    other = given.get("globe" if api == "china" else "china")
    if other is not None:
        raise ConfigurationError(
            f"{other} does not belong to api='{api}'", advice=f"Leave {other} or api out."
        )
    if api == "china" and api not in given:
        raise ConfigurationError(
            "template_code is missing", advice="Give the approved template, or templates with a split."
        )
    return api


def _with_preflight(guards: tuple[Guard, ...], *, wanted: bool) -> tuple[Guard, ...]:
    from airflow_provider_aliyunsms.campaign.guards import Preflight

    if not wanted or any(isinstance(guard, Preflight) for guard in guards):
        return guards
    return (Preflight(), *guards)


def _check_parameters(
    plan: _Plan, *, canary: Canary | None, report_path: str | None, price: str | None
) -> None:
    from airflow_provider_aliyunsms.campaign.guards import Canary

    for name, advice in _OWN.items():
        if plan.send.get(name):
            raise ConfigurationError(f"sms_campaign takes no {name}", advice=advice)
    if price is not None and not report_path:
        raise ConfigurationError(
            "a price needs a report_path", advice="Give report_path, or leave price out."
        )
    if (plan.receipts_path or "").lower().endswith(_RECEIPT_FILES):
        raise ConfigurationError(
            "receipts_path of sms_campaign is a folder: each step writes receipts of its own",
            advice="Give the folder; the file in it is named after the campaign.",
        )
    if canary is None:
        return
    if not isinstance(canary, Canary):
        raise ConfigurationError("canary must be a Canary", advice="Write canary=Canary(size=200).")
    if not plan.ledger_path or plan.send.get("durable") is False:
        raise ConfigurationError(
            "a canary needs a ledger_path: the canary and the rest are two tasks, and only a ledger that both read "
            "keeps the rest from sending to the canary again",
            advice="Give ledger_path, a folder that all workers share, and leave durable out; or leave the canary "
            "out.",
        )


def _check_defaults(plan: _Plan, *, group: TaskGroup, guards: Collection[Guard]) -> None:
    """Refuse default_args that would change, or silently lose, what the group decides about its steps."""
    found = {**(getattr(group.dag, "default_args", None) or {}), **(group.default_args or {})}
    given = {
        "guards": guards,
        "campaign_id": plan.campaign_id,
        "ledger_path": plan.ledger_path,
        "receipts_path": plan.receipts_path,
    }
    for name, advice in _NOT_BY_DEFAULT.items():
        is_set = found.get(name, True) is False if name == "durable" else bool(found.get(name))
        if is_set and name not in plan.send and not given.get(name):
            raise ConfigurationError(f"the default_args of sms_campaign take no {name}", advice=advice)


def _sensor_parameters(
    *, delivery: bool | Mapping[str, Any], min_delivered_ratio: float | None
) -> dict[str, Any]:
    if delivery is False:
        if min_delivered_ratio is not None:
            raise ConfigurationError(
                "min_delivered_ratio needs the step 'delivery', which is left out",
                advice="Leave delivery=False or min_delivered_ratio out.",
            )
        return {}
    if delivery is True:
        return {}
    if not isinstance(delivery, Mapping):
        raise ConfigurationError("delivery must be True, False or a mapping of parameters of the sensor")
    taken = sorted({"task_id", "campaign", "min_delivered_ratio", "trigger_rule"} & delivery.keys())
    if taken:
        raise ConfigurationError(
            f"delivery={{...}} takes no {taken[0]}",
            advice="min_delivered_ratio is a parameter of sms_campaign.",
        )
    return dict(delivery)


def _approval_parameters(
    *, approval: bool | str | Mapping[str, Any], rehearsal: bool
) -> Mapping[str, Any] | None:
    """Return the parameters of the approval, None for no approval."""
    if approval is False or approval is None:
        return None
    if approval is not True and approval != IF_POSSIBLE and not isinstance(approval, Mapping):
        raise ConfigurationError(
            f"approval must be True, False, '{IF_POSSIBLE}' or a mapping of parameters of the ApprovalOperator"
        )
    if not rehearsal:
        raise ConfigurationError(
            "an approval without a rehearsal has nothing to show",
            advice="Leave rehearsal=False out, or set approval=False as well.",
        )
    if _approval_operator() is None:
        if approval == IF_POSSIBLE:
            return None
        from airflow import __version__

        raise ConfigurationError(
            f"an approval needs Airflow 3.1 or later and its provider 'standard'; this is Airflow {__version__}",
            advice=f"Set approval=False, or approval='{IF_POSSIBLE}' for a file that runs on several versions.",
        )
    parameters = approval if isinstance(approval, Mapping) else {}
    taken = sorted({"task_id", "options", "multiple", "defaults", "trigger_rule"} & parameters.keys())
    if taken:
        raise ConfigurationError(
            f"approval={{...}} takes no {taken[0]}",
            advice="The answers are Approve and Reject, and only a person can give them.",
        )
    return parameters


def _approval_operator() -> Any:
    """Return the operator that asks a person, None where this Airflow has none."""
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    try:
        found: Any = importlib.import_module("airflow_provider_aliyunsms.operators.approval")
    except (ImportError, AirflowOptionalProviderFeatureException):
        return None
    return found.AliyunSmsApprovalOperator


def _users(assigned: object) -> tuple[str, ...]:
    """Return the ids of the users who may answer; empty for everybody."""
    users = [assigned] if isinstance(assigned, Mapping) else assigned or []
    if not isinstance(users, list | tuple):
        raise ConfigurationError("assigned_users must be a list of HITLUser")
    return tuple(str(user["id"]) for user in users)

# SPDX-License-Identifier: Apache-2.0
"""The answers of the control API to tests, with the words that describe each field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from airflow_provider_aliyunsms.simulator.apis import beijing_time

# Not for type checkers alone: FastAPI reads the annotations.
from airflow_provider_aliyunsms.simulator.control.bodies import (  # noqa: TC001
    AcceptsInPart,
    ChinaPrice,
    ChinaQps,
    ClockOffset,
    DeliveryDelay,
    GlobePrice,
    GlobeQps,
    GlobeReadsForm,
    LimitsFrequency,
    RecordLag,
    RefusesNonces,
    RefusesUndefined,
    ShowsOutId,
    TellsTime,
)
from airflow_provider_aliyunsms.simulator.memory import Approval, Filing, Kind, TemplateKind  # noqa: TC001
from airflow_provider_aliyunsms.simulator.numbers import Carrier, DeliveryWord  # noqa: TC001

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.memory import Message, State


@dataclass(slots=True, kw_only=True)
class Done:
    """The call was carried out."""

    status: Annotated[Literal["ok"], Field(description="Always `ok`.")] = "ok"


# A model and no dataclass: so many calls name it that building its form each time takes half of a start.
class Problem(BaseModel):
    """Why a call was refused."""

    detail: Annotated[
        str | list[dict[str, Any]],
        Field(
            description="A sentence, or for a wrong parameter or body a list with the place of each mistake."
        ),
    ]


@dataclass(slots=True, kw_only=True)
class AcceptedMessage:
    """One message that the gateway has accepted."""

    api: Annotated[Literal["china", "globe"], Field(description="`china`: 2017-05-25, `globe`: 2018-05-01.")]
    action: Annotated[str, Field(description="The operation that sent it, such as `SendBatchSms`.")]
    number: Annotated[
        str, Field(description="11 digits for the Chinese mainland, else digits with the country code.")
    ]
    content: Annotated[str, Field(description="The text as the phone shows it.")]
    out_id: Annotated[str | None, Field(description="The `OutId` of the request; China only.")]
    task_id: Annotated[str | None, Field(description="The `TaskId` of the request; Globe only.")]
    biz_id: Annotated[str | None, Field(description="The `BizId` of the request; China only.")]
    message_id: Annotated[str | None, Field(description="The `MessageId`; Globe only.")]
    template_code: Annotated[str | None, Field(description="The `TemplateCode`; China only.")]
    sender_id: Annotated[str | None, Field(description="The `From` of the request; Globe only.")]
    accepted_at: Annotated[str, Field(description="ISO 8601 with milliseconds, in UTC+8.")]
    status: Annotated[DeliveryWord, Field(description="What the carrier has reported by now.")]
    err_code: Annotated[
        str, Field(description="The code of the carrier's receipt; empty while there is none.")
    ]


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """One open fault."""

    kind: Annotated[Kind, Field(description="What happens.")]
    action: Annotated[str | None, Field(description="The operation it waits for; null: any.")]
    times: Annotated[int | None, Field(description="To how many requests it is still to happen; null: all.")]
    skip: Annotated[int, Field(description="How many matching requests still pass before.")]
    seconds: Annotated[
        float, Field(description="The length of a delay, or the wait that a throttling names.")
    ]
    probability: Annotated[float, Field(description="The chance of each matching request.")]
    code: Annotated[str, Field(description="Of `refuse`: the code.")]
    status: Annotated[int, Field(description="Of `refuse`: the HTTP status.")]
    message: Annotated[str, Field(description="Of `refuse`: the text.")]


@dataclass(slots=True, kw_only=True)
class Statistics:
    """What happened since the start or the last reset."""

    requests: Annotated[dict[str, int], Field(description="Requests to the gateway by action.")]
    accepted: Annotated[int, Field(description="Accepted messages.")]
    refused: Annotated[dict[str, int], Field(description="Refusals by code.")]
    distinct_numbers: Annotated[int, Field(description="Phones with at least one message.")]
    duplicates: Annotated[int, Field(description="Messages to phones that had one before.")]
    worst_second: Annotated[
        dict[str, int], Field(description="The most requests within any one second, by action.")
    ]
    faults_played: Annotated[dict[str, int], Field(description="Faults that have happened, by kind.")]
    open_faults: Annotated[list[PlannedFault], Field(description="Faults that wait, oldest first.")]


@dataclass(slots=True, kw_only=True)
class CurrentOptions:
    """The options that can be changed, as they are."""

    delivery_delay: DeliveryDelay
    record_lag: RecordLag
    globe_qps: GlobeQps
    china_qps: ChinaQps
    clock_offset: ClockOffset
    tells_time: TellsTime
    shows_out_id: ShowsOutId
    refuses_nonces: RefusesNonces
    accepts_in_part: AcceptsInPart
    globe_reads_form: GlobeReadsForm
    china_price: ChinaPrice
    globe_price: GlobePrice
    limits_frequency: LimitsFrequency
    refuses_undefined: RefusesUndefined


@dataclass(slots=True, kw_only=True)
class DefinedTemplate:
    """One defined template."""

    text: Annotated[str, Field(description="With a placeholder `${name}` for each variable.")]
    kind: Annotated[TemplateKind, Field(description="Limits and reachable numbers depend on it.")]
    status: Annotated[Approval, Field(description="Only what is approved can be sent.")]
    variables: Annotated[dict[str, str], Field(description="What each variable may hold.")]


@dataclass(slots=True, kw_only=True)
class DefinedSignature:
    """One defined signature."""

    status: Annotated[Approval, Field(description="Only what is approved can be sent with.")]
    carriers: Annotated[
        dict[Carrier, Filing],
        Field(description="The filing with each carrier; one that is left out has filed it."),
    ]


def accepted_message(state: State, message: Message) -> AcceptedMessage:
    """Return one message in the form in which tests read it."""
    submission = message.submission
    outcome = state.outcome(message)
    is_china = submission.api == "china"
    return AcceptedMessage(
        api=submission.api,
        action=submission.action,
        number=message.number,
        content=message.content,
        out_id=submission.label if is_china else None,
        task_id=None if is_china else submission.label,
        biz_id=submission.biz_id,
        message_id=message.message_id,
        template_code=submission.template_code,
        sender_id=submission.sender,
        accepted_at=beijing_time(submission.accepted_at).isoformat(timespec="milliseconds"),
        status=outcome.verdict,
        err_code=outcome.err_code,
    )


def planned_faults(state: State) -> list[PlannedFault]:
    """Return the open faults, oldest first."""
    return [PlannedFault(**fault) for fault in state.faults.describe()]


def statistics(state: State) -> Statistics:
    """Return counts of all requests, messages, refusals and faults since the start or the last reset."""
    counts: dict[str, Any] = state.statistics()
    return Statistics(**counts | {"open_faults": planned_faults(state)})


def current_options(state: State) -> CurrentOptions:
    """Return the options that can be changed, as they are."""
    return CurrentOptions(**{one.name: getattr(state.options, one.name) for one in fields(CurrentOptions)})


def defined_templates(state: State) -> dict[str, DefinedTemplate]:
    """Return the defined templates by code."""
    return {
        code: DefinedTemplate(text=one.text, kind=one.kind, status=one.status, variables=dict(one.variables))
        for code, one in state.templates.all().items()
    }


def defined_signatures(state: State) -> dict[str, DefinedSignature]:
    """Return the defined signatures by name."""
    return {
        name: DefinedSignature(status=one.status, carriers=dict(one.carriers))
        for name, one in state.signatures.all().items()
    }

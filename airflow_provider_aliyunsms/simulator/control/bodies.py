# SPDX-License-Identifier: Apache-2.0
"""The bodies of the control API's calls, with the words that describe each field to people and to generators."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_aliyunsms.simulator.apis import ACTIONS
from airflow_provider_aliyunsms.simulator.memory import (
    LONGEST_SIGNATURE,
    LONGEST_TEXT,
    Approval,
    Filing,
    Kind,
    TemplateKind,
)
from airflow_provider_aliyunsms.simulator.numbers import Carrier  # noqa: TC001 - read at run time

_ACTION_PATTERN = "|".join(sorted({name for _, name in ACTIONS}))

Code = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
SignName = Annotated[str, Field(min_length=1, max_length=LONGEST_SIGNATURE)]


def _strict(*examples: dict[str, Any]) -> ConfigDict:
    # A misspelt field is refused: ignored, it would leave a test that checks nothing.
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


class Misbehaviour(BaseModel):
    """A fault to plan. A request meets at most one, the oldest that fits."""

    model_config = _strict(
        {"fault": "drop_after", "action": "SendBatchSms", "skip": 2, "times": 1},
        {"fault": "throttle", "action": "SendSms", "seconds": 2, "times": 3},
        {"fault": "refuse", "code": "isv.AMOUNT_NOT_ENOUGH", "message": "账户余额不足"},
    )

    fault: Annotated[Kind, Field(description="What happens; docs/simulator.md has a table.")]
    action: Annotated[
        str | None,
        Field(pattern=f"^({_ACTION_PATTERN})$", description="The operation it waits for; null: any."),
    ] = None
    times: Annotated[
        int | None, Field(ge=1, description="How many requests it happens to; null: all, until taken back.")
    ] = 1
    skip: Annotated[int, Field(ge=0, description="How many matching requests pass before the first one.")] = 0
    seconds: Annotated[
        float,
        Field(ge=0, description="The length of a delay; of `throttle` the wait that the refusal names."),
    ] = 0.0
    probability: Annotated[float, Field(ge=0, le=1, description="The chance of each matching request.")] = 1.0
    code: Annotated[
        str, Field(min_length=1, max_length=128, description="Of `refuse`: the code in the response.")
    ] = "isv.INVALID_PARAMETERS"
    status: Annotated[
        int,
        Field(
            ge=200, le=599, description="Of `refuse`: the HTTP status; from 400 on in the gateway's own form."
        ),
    ] = 200
    message: Annotated[
        str, Field(max_length=LONGEST_TEXT, description="Of `refuse`: the text beside the code.")
    ] = "refused"


class TemplateDefinition(BaseModel):
    """One template; a text alone stands for its `text`."""

    model_config = _strict({"text": "验证码${code}", "kind": "otp", "status": "in review"})

    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_TEXT,
            description="With a placeholder `${name}` for each variable.",
        ),
    ]
    kind: Annotated[TemplateKind, Field(description="Limits and reachable numbers depend on it.")] = (
        TemplateKind.NOTIFICATION
    )
    status: Annotated[Approval, Field(description="Only what is approved can be sent.")] = Approval.APPROVED
    variables: Annotated[
        dict[Code, Code],
        Field(
            max_length=100, description="What each variable may hold, such as `numberCaptcha`; only shown."
        ),
    ] = {}


class SignatureDefinition(BaseModel):
    """One signature."""

    model_config = _strict({"carriers": {"unicom": "not filed"}}, {"status": "in review"})

    status: Annotated[Approval, Field(description="Only what is approved can be sent with.")] = (
        Approval.APPROVED
    )
    carriers: Annotated[
        dict[Carrier, Filing],
        Field(description="The filing with each carrier; one that is left out has filed it."),
    ] = {}


# One type for each option, which a change and the options as they are share.
DeliveryDelay = Annotated[
    float,
    Field(ge=0, description="Seconds from acceptance to the carrier's receipt; also of earlier messages."),
]
RecordLag = Annotated[
    float, Field(ge=0, description="Seconds until a message can be looked up; also of earlier ones.")
]
GlobeQps = Annotated[
    int, Field(ge=0, description="`BatchSendMessageToGlobe` calls per sliding second; 0: no limit.")
]
ChinaQps = Annotated[
    int, Field(ge=0, description="Calls per sliding second of each 2017-05-25 action; 0: no limit.")
]
ClockOffset = Annotated[float, Field(description="Seconds by which its clock is ahead of the machine's.")]
TellsTime = Annotated[bool, Field(description="Whether responses have a `Date` header.")]
ShowsOutId = Annotated[bool, Field(description="Whether records of `QuerySendDetails` have the `OutId`.")]
RefusesNonces = Annotated[bool, Field(description="Whether a nonce works once only.")]
AcceptsInPart = Annotated[
    bool, Field(description="Whether a China batch that is refused for one number reaches the others.")
]
GlobeReadsForm = Annotated[
    bool, Field(description="Whether the Globe API takes parameters from the body, too.")
]
ChinaPrice = Annotated[float, Field(ge=0, description="What one part of a China message costs; only shown.")]
GlobePrice = Annotated[float, Field(ge=0, description="What one part of a Globe message costs; only shown.")]
LimitsFrequency = Annotated[
    bool, Field(description="Whether China sends keep the platform's limits per number.")
]
RefusesUndefined = Annotated[
    bool, Field(description="Whether a template or signature must be defined before it is sent.")
]


class OptionChanges(BaseModel):
    """The options to change; one that is left out or null stays as it is."""

    model_config = _strict({"delivery_delay": 0, "globe_qps": 0}, {"accepts_in_part": True})

    delivery_delay: DeliveryDelay | None = None
    record_lag: RecordLag | None = None
    globe_qps: GlobeQps | None = None
    china_qps: ChinaQps | None = None
    clock_offset: ClockOffset | None = None
    tells_time: TellsTime | None = None
    shows_out_id: ShowsOutId | None = None
    refuses_nonces: RefusesNonces | None = None
    accepts_in_part: AcceptsInPart | None = None
    globe_reads_form: GlobeReadsForm | None = None
    china_price: ChinaPrice | None = None
    globe_price: GlobePrice | None = None
    limits_frequency: LimitsFrequency | None = None
    refuses_undefined: RefusesUndefined | None = None


TEMPLATE_EXAMPLE: Final = {
    "SMS_152550005": "亲爱的${name}，您好。",
    "SMS_152550006": {"text": "验证码${code}", "kind": "otp"},
}
SIGNATURE_EXAMPLE: Final = {"测试": {"carriers": {"unicom": "not filed"}}}

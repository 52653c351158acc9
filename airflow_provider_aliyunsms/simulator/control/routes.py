# SPDX-License-Identifier: Apache-2.0
"""Define the control API under ``/_simulator/``: plan faults, change settings, read what tests ask for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_aliyunsms.simulator.apis import ACTIONS, beijing_time
from airflow_provider_aliyunsms.simulator.control.inbox_routes import add_inbox_routes
from airflow_provider_aliyunsms.simulator.control.views import FaultsView, view_faults
from airflow_provider_aliyunsms.simulator.memory import (
    LONGEST_SIGNATURE,
    LONGEST_TEXT,
    MOST_SIGNATURES,
    MOST_TEMPLATES,
    Approval,
    Fault,
    Filing,
    Kind,
    Signature,
    Template,
    TemplateKind,
)
from airflow_provider_aliyunsms.simulator.numbers import Carrier, canonical_number

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_aliyunsms.simulator.memory import Message, State

PREFIX = "/_simulator"
_ACTION_PATTERN = "|".join(sorted({name for _, name in ACTIONS}))


_MOST_SHOWN = 100_000


class Misbehaviour(BaseModel):
    """
    The body of ``POST /_simulator/misbehave``.

    :class:`~airflow_provider_aliyunsms.simulator.memory.faults.Fault` describes the fields; ``fault`` is its kind.
    """

    model_config = ConfigDict(extra="forbid")

    fault: Kind
    action: Annotated[str | None, Field(pattern=f"^({_ACTION_PATTERN})$")] = None
    times: Annotated[int | None, Field(ge=1)] = 1
    skip: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    code: Annotated[str, Field(min_length=1, max_length=128)] = "isv.INVALID_PARAMETERS"
    status: Annotated[int, Field(ge=200, le=599)] = 200
    message: Annotated[str, Field(max_length=LONGEST_TEXT)] = "refused"


_Code = Annotated[str, Field(max_length=64)]
_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_SIGNATURE)]


class TemplateDefinition(BaseModel):
    """One template in the body of ``POST /_simulator/templates``; a text alone stands for its ``text``."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
    kind: TemplateKind = TemplateKind.NOTIFICATION
    status: Approval = Approval.APPROVED
    variables: Annotated[dict[_Code, _Code], Field(max_length=100)] = {}


class SignatureDefinition(BaseModel):
    """One signature in the body of ``POST /_simulator/signatures``; a carrier that is left out has filed it."""

    model_config = ConfigDict(extra="forbid")

    status: Approval = Approval.APPROVED
    carriers: dict[Carrier, Filing] = {}


class OptionChanges(BaseModel):
    """The body of ``POST /_simulator/options``; an option that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    delivery_delay: Annotated[float | None, Field(ge=0)] = None
    record_lag: Annotated[float | None, Field(ge=0)] = None
    globe_qps: Annotated[int | None, Field(ge=0)] = None
    china_qps: Annotated[int | None, Field(ge=0)] = None
    clock_offset: float | None = None
    tells_time: bool | None = None
    shows_out_id: bool | None = None
    refuses_nonces: bool | None = None
    accepts_in_part: bool | None = None
    globe_reads_form: bool | None = None
    china_price: Annotated[float | None, Field(ge=0)] = None
    globe_price: Annotated[float | None, Field(ge=0)] = None
    limits_frequency: bool | None = None
    refuses_undefined: bool | None = None


def control_routes(state: State, *, stopping: asyncio.Event) -> APIRouter:
    """
    Return the routes of the control API of one simulator; no route reads a file or the network.

    :param stopping: set when the server shuts down; ends the event streams.
    """
    # Every route is a coroutine: FastAPI runs a plain function in another thread, and the state has no lock.
    router = APIRouter(prefix=PREFIX)
    add_inbox_routes(router, state, stopping=stopping)
    _add_views(router, state)
    _add_switches(router, state)
    _add_definitions(router, state)
    return router


def _add_views(router: APIRouter, state: State) -> None:
    @router.get("/health")
    async def health() -> dict[str, str]:
        """Return ``ok`` while the simulator runs."""
        return {"status": "ok"}

    @router.get("/messages")
    async def messages(
        number: str | None = None, limit: Annotated[int, Query(ge=1, le=_MOST_SHOWN)] = 100
    ) -> list[dict[str, Any]]:
        """Return the accepted messages, newest first."""
        wanted = None if number is None else canonical_number(number) or number
        return [describe(state, message) for message in state.inbox.newest(limit=limit, number=wanted)]

    @router.delete("/messages")
    async def clear() -> dict[str, str]:
        """Remove all messages, from the journal as well; faults, options and definitions stay."""
        state.clear_messages()
        return {"status": "ok"}

    @router.get("/counts")
    async def counts(duplicates: bool = False) -> dict[str, int]:  # noqa: FBT001, FBT002 - a query parameter
        """Return the number of accepted messages for each phone number."""
        return state.inbox.counts(duplicates_only=duplicates)

    @router.get("/stats")
    async def stats() -> dict[str, Any]:
        """Return counts of all requests, messages, refusals and faults so far."""
        return state.statistics()


def _add_switches(router: APIRouter, state: State) -> None:
    @router.get("/misbehave")
    async def faults() -> FaultsView:
        """Return the open faults, and those that have happened."""
        return view_faults(state)

    @router.post("/misbehave")
    async def misbehave(wish: Misbehaviour) -> list[dict[str, Any]]:
        """Plan a fault and return the open ones."""
        settings = wish.model_dump(exclude={"fault"})
        try:
            state.faults.add(Fault(kind=wish.fault, **settings))
        except OverflowError as error:
            raise HTTPException(status_code=409, detail=str(error)) from error
        state.changes += 1
        return state.faults.describe()

    @router.delete("/misbehave")
    async def behave() -> list[dict[str, Any]]:
        """Cancel every open fault."""
        state.faults.clear()
        state.changes += 1
        return state.faults.describe()

    @router.get("/options")
    async def current_options() -> dict[str, bool | int | float]:
        """Return the options that can be changed, as they are."""
        return _changeable(state)

    @router.post("/options")
    async def options(changes: OptionChanges) -> dict[str, bool | int | float]:
        """Change options for all later requests; delays also apply to messages that are already accepted."""
        for name, value in changes.model_dump(exclude_none=True).items():
            setattr(state.options, name, value)
        state.changes += 1
        return _changeable(state)

    @router.post("/reset")
    async def reset() -> dict[str, str]:
        """Return the simulator to its state at the start and empty the journal."""
        state.reset()
        state.changes += 1
        return {"status": "ok"}


def _add_definitions(router: APIRouter, state: State) -> None:
    @router.post("/templates")
    async def templates(definitions: dict[_Code, TemplateDefinition | _Text]) -> dict[str, Any]:
        """Define templates by their code and return all of them."""
        if len(definitions.keys() | state.templates.all().keys()) > MOST_TEMPLATES:
            raise HTTPException(status_code=422, detail=f"At most {MOST_TEMPLATES} templates.")
        state.templates.define({code: _template(one) for code, one in definitions.items()})
        state.changes += 1
        return _all_templates(state)

    @router.get("/templates")
    async def defined_templates() -> dict[str, Any]:
        """Return the defined templates by their code."""
        return _all_templates(state)

    @router.get("/signatures")
    async def defined_signatures() -> dict[str, Any]:
        """Return the defined signatures by their name."""
        return _all_signatures(state)

    @router.post("/signatures")
    async def signatures(definitions: dict[_Name, SignatureDefinition]) -> dict[str, Any]:
        """Define signatures by their name and return all of them."""
        if len(definitions.keys() | state.signatures.all().keys()) > MOST_SIGNATURES:
            raise HTTPException(status_code=422, detail=f"At most {MOST_SIGNATURES} signatures.")
        state.signatures.define(
            {name: Signature(status=one.status, carriers=one.carriers) for name, one in definitions.items()}
        )
        state.changes += 1
        return _all_signatures(state)


def _changeable(state: State) -> dict[str, bool | int | float]:
    return {name: getattr(state.options, name) for name in OptionChanges.model_fields}


def _all_templates(state: State) -> dict[str, Any]:
    return {code: asdict(one) for code, one in state.templates.all().items()}


def _all_signatures(state: State) -> dict[str, Any]:
    return {name: asdict(one) for name, one in state.signatures.all().items()}


def _template(definition: TemplateDefinition | str) -> Template:
    if isinstance(definition, str):
        return Template(text=definition)
    return Template(
        text=definition.text,
        kind=definition.kind,
        status=definition.status,
        variables=definition.variables,
    )


def describe(state: State, message: Message) -> dict[str, Any]:
    """Return one message in the form that the control API shows."""
    submission = message.submission
    outcome = state.outcome(message)
    return {
        "api": submission.api,
        "action": submission.action,
        "number": message.number,
        "content": message.content,
        "out_id": submission.label if submission.api == "china" else None,
        "task_id": submission.label if submission.api == "globe" else None,
        "biz_id": submission.biz_id,
        "message_id": message.message_id,
        "template_code": submission.template_code,
        "sender_id": submission.sender,
        "accepted_at": beijing_time(submission.accepted_at).isoformat(timespec="milliseconds"),
        "status": outcome.verdict,
        "err_code": outcome.err_code,
    }

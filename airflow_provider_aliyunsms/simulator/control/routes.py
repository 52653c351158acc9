# SPDX-License-Identifier: Apache-2.0
"""Define the control API under ``/_simulator/``: plan faults, change settings, read what tests ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Body, HTTPException, Query

from airflow_provider_aliyunsms.simulator.control.answers import (
    AcceptedMessage,
    CurrentOptions,
    DefinedSignature,
    DefinedTemplate,
    Done,
    PlannedFault,
    Statistics,
    accepted_message,
    current_options,
    defined_signatures,
    defined_templates,
    planned_faults,
    statistics,
)
from airflow_provider_aliyunsms.simulator.control.bodies import (
    SIGNATURE_EXAMPLE,
    TEMPLATE_EXAMPLE,
    Code,
    Misbehaviour,
    OptionChanges,
    SignatureDefinition,
    SignName,
    TemplateDefinition,
    Text,
)
from airflow_provider_aliyunsms.simulator.control.description import Tag, operation_id, refusals
from airflow_provider_aliyunsms.simulator.control.inbox_routes import add_inbox_routes
from airflow_provider_aliyunsms.simulator.control.views import FaultsView, view_faults
from airflow_provider_aliyunsms.simulator.memory import (
    MOST_FAULTS,
    MOST_SIGNATURES,
    MOST_TEMPLATES,
    Fault,
    Signature,
    Template,
)
from airflow_provider_aliyunsms.simulator.numbers import canonical_number

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_aliyunsms.simulator.memory import State

PREFIX = "/_simulator"
_MOST_SHOWN = 100_000


def control_routes(state: State, *, stopping: asyncio.Event) -> APIRouter:
    """
    Return the routes of the control API of one simulator; no route reads a file or the network.

    :param stopping: set when the server shuts down; ends the event streams.
    """
    # Every route is a coroutine: FastAPI runs a plain function in another thread, and the state has no lock.
    router = APIRouter(prefix=PREFIX, generate_unique_id_function=operation_id)
    _add_views(router, state)
    _add_faults(router, state)
    _add_options(router, state)
    _add_templates(router, state)
    _add_signatures(router, state)
    add_inbox_routes(router, state, stopping=stopping)
    return router


def _add_views(router: APIRouter, state: State) -> None:
    @router.get("/health", tags=[Tag.RUNNING])
    async def health() -> Done:
        """Return `ok` while the simulator runs."""
        return Done()

    @router.get("/messages", tags=[Tag.MESSAGES], responses=refusals(422))
    async def messages(
        number: Annotated[
            str | None, Query(description="Only messages to this number, in any of its spellings.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_SHOWN, description="The most messages returned.")] = 100,
    ) -> list[AcceptedMessage]:
        """Return the accepted messages, newest first."""
        wanted = None if number is None else canonical_number(number) or number
        return [
            accepted_message(state, message) for message in state.inbox.newest(limit=limit, number=wanted)
        ]

    @router.delete("/messages", tags=[Tag.MESSAGES], responses=refusals(403))
    async def clear_messages() -> Done:
        """Remove all messages, from the journal as well; faults, options and definitions stay."""
        state.clear_messages()
        return Done()

    @router.get("/counts", tags=[Tag.MESSAGES], responses=refusals(422))
    async def counts(
        duplicates: Annotated[  # noqa: FBT002 - a query parameter
            bool, Query(description="Only phones with more than one message.")
        ] = False,
    ) -> dict[str, int]:
        """Return the number of accepted messages for each phone number."""
        return state.inbox.counts(duplicates_only=duplicates)

    @router.get("/stats", tags=[Tag.MESSAGES])
    async def stats() -> Statistics:
        """Return counts of all requests, messages, refusals and faults since the start or the last reset."""
        return statistics(state)

    @router.post("/reset", tags=[Tag.RUNNING], responses=refusals(403, 415))
    async def reset() -> Done:
        """Return everything to its state at the start and empty the journal; the body, such as `{}`, is not read."""
        state.reset()
        state.changes += 1
        return Done()


def _add_faults(router: APIRouter, state: State) -> None:
    @router.get("/misbehave", tags=[Tag.FAULTS])
    async def faults() -> FaultsView:
        """Return the open faults, and those that have happened."""
        return view_faults(state)

    @router.post(
        "/misbehave",
        tags=[Tag.FAULTS],
        responses=refusals(403, 415, 422) | refusals(409, because=f"{MOST_FAULTS} faults are open already."),
    )
    async def misbehave(wish: Misbehaviour) -> list[PlannedFault]:
        """Plan a fault and return the open ones."""
        settings = wish.model_dump(exclude={"fault"})
        try:
            state.faults.add(Fault(kind=wish.fault, **settings))
        except OverflowError as error:
            raise HTTPException(status_code=409, detail=str(error)) from error
        state.changes += 1
        return planned_faults(state)

    @router.delete("/misbehave", tags=[Tag.FAULTS], responses=refusals(403))
    async def behave() -> list[PlannedFault]:
        """Take back every open fault."""
        state.faults.clear()
        state.changes += 1
        return planned_faults(state)


def _add_options(router: APIRouter, state: State) -> None:
    @router.get("/options", tags=[Tag.OPTIONS])
    async def options() -> CurrentOptions:
        """Return the options that can be changed, as they are."""
        return current_options(state)

    @router.post("/options", tags=[Tag.OPTIONS], responses=refusals(403, 415, 422))
    async def change_options(changes: OptionChanges) -> CurrentOptions:
        """Change options for all later requests; delays also apply to messages that are already accepted."""
        for name, value in changes.model_dump(exclude_none=True).items():
            setattr(state.options, name, value)
        state.changes += 1
        return current_options(state)


def _add_templates(router: APIRouter, state: State) -> None:
    @router.get("/templates", tags=[Tag.DEFINITIONS])
    async def templates() -> dict[str, DefinedTemplate]:
        """Return the defined templates by their code."""
        return defined_templates(state)

    @router.post("/templates", tags=[Tag.DEFINITIONS], responses=refusals(403, 415, 422))
    async def define_templates(
        definitions: Annotated[dict[Code, TemplateDefinition | Text], Body(examples=[TEMPLATE_EXAMPLE])],
    ) -> dict[str, DefinedTemplate]:
        """Define templates by their code, at most 1,000, and return all of them."""
        if len(definitions.keys() | state.templates.all().keys()) > MOST_TEMPLATES:
            raise HTTPException(status_code=422, detail=f"At most {MOST_TEMPLATES} templates.")
        state.templates.define({code: _template(one) for code, one in definitions.items()})
        state.changes += 1
        return defined_templates(state)


def _add_signatures(router: APIRouter, state: State) -> None:
    @router.get("/signatures", tags=[Tag.DEFINITIONS])
    async def signatures() -> dict[str, DefinedSignature]:
        """Return the defined signatures by their name."""
        return defined_signatures(state)

    @router.post("/signatures", tags=[Tag.DEFINITIONS], responses=refusals(403, 415, 422))
    async def define_signatures(
        definitions: Annotated[dict[SignName, SignatureDefinition], Body(examples=[SIGNATURE_EXAMPLE])],
    ) -> dict[str, DefinedSignature]:
        """Define signatures by their name, at most 1,000, and return all of them."""
        if len(definitions.keys() | state.signatures.all().keys()) > MOST_SIGNATURES:
            raise HTTPException(status_code=422, detail=f"At most {MOST_SIGNATURES} signatures.")
        state.signatures.define(
            {name: Signature(status=one.status, carriers=one.carriers) for name, one in definitions.items()}
        )
        state.changes += 1
        return defined_signatures(state)


def _template(definition: TemplateDefinition | str) -> Template:
    if isinstance(definition, str):
        return Template(text=definition)
    return Template(
        text=definition.text,
        kind=definition.kind,
        status=definition.status,
        variables=definition.variables,
    )

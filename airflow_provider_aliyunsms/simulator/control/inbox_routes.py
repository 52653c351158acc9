# SPDX-License-Identifier: Apache-2.0
"""Define the calls of the control API that read the inbox: for the page, and for whoever looks as it does."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from airflow_provider_aliyunsms.simulator.control.description import Tag, refusals, streams
from airflow_provider_aliyunsms.simulator.control.events import MOST_LISTENERS, Events
from airflow_provider_aliyunsms.simulator.control.export import csv_export, json_export
from airflow_provider_aliyunsms.simulator.control.index import Index
from airflow_provider_aliyunsms.simulator.control.listings import Listings, Search
from airflow_provider_aliyunsms.simulator.control.views import (
    CampaignView,
    Conversation,
    PhonePage,
    Summary,
    summarize,
    view_campaign,
    view_conversation,
    view_phone,
)
from airflow_provider_aliyunsms.simulator.numbers import DeliveryWord, canonical_number

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_aliyunsms.simulator.memory import State

_PAGE: Final = "inbox.html"
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_MOST_PHONES = 500
_LONGEST_SEARCH = 200
_Offset = Annotated[int, Query(ge=0, description="How many to leave out at the start.")]
_Limit = Annotated[int, Query(ge=1, le=_MOST_PHONES, description="The most to return.")]


def read_search(
    q: Annotated[
        str,
        Query(max_length=_LONGEST_SEARCH, description="Part of number, text, signature or id, in any case."),
    ] = "",
    status: Annotated[DeliveryWord | None, Query(description="The delivery as it is now.")] = None,
    campaign: Annotated[str | None, Query(max_length=32, description="The `id` of a campaign.")] = None,
    surplus: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Only messages whose phone had the same text before.")
    ] = False,
) -> Search:
    """Return the search that the query of a request names."""
    return Search(text=q, status=status, campaign=campaign, surplus=surplus)


def add_inbox_routes(router: APIRouter, state: State, *, stopping: asyncio.Event) -> None:
    """Add the calls to a router; the files of the page are read here and never again."""
    index = Index(state)
    listings = Listings(state, index=index)
    _add_page(router)
    _add_views(router, state, index=index, listings=listings)
    _add_streams(router, state, index=index, listings=listings, stopping=stopping)


def _add_page(router: APIRouter) -> None:
    folder = files("airflow_provider_aliyunsms.simulator.control") / "static"
    contents = {one.name: one.read_bytes() for one in folder.iterdir() if _media_type(one.name) is not None}

    def reply(name: str) -> Response:
        if name not in contents:
            raise HTTPException(status_code=404, detail="There is no such file.")
        return Response(contents[name], media_type=_media_type(name))

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        """Return the page of the inbox."""
        return reply(_PAGE)

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        """Return the style or a script of the page."""
        return reply(name)


def _media_type(name: str) -> str | None:
    return _MEDIA_TYPES.get(PurePath(name).suffix)


def _add_views(router: APIRouter, state: State, *, index: Index, listings: Listings) -> None:
    @router.get("/phones", tags=[Tag.INBOX], responses=refusals(422))
    async def phones(
        search: Annotated[Search, Depends(read_search)],
        offset: _Offset = 0,
        limit: _Limit = 50,
    ) -> PhonePage:
        """Return phones with messages that a search finds, the one with the newest such message first."""
        listing = await listings.find(search)
        return PhonePage(
            phones=[view_phone(state, one, index=index) for one in listing.page(offset=offset, limit=limit)],
            offset=offset,
            total_phones=len(listing.phones),
            total_messages=listing.messages,
        )

    @router.get("/phones/{number}", tags=[Tag.INBOX], responses=refusals(422))
    async def conversation(
        number: Annotated[str, Path(description="In any of its spellings.")],
        before: Annotated[int | None, Query(ge=1, description="Only messages before the n-th one.")] = None,
        limit: _Limit = 50,
    ) -> Conversation:
        """Return the messages to one phone, newest first."""
        await index.catch_up()
        wanted = canonical_number(number) or number
        return view_conversation(state, number=wanted, before=before, limit=limit, index=index)

    @router.get("/campaigns", tags=[Tag.INBOX], responses=refusals(422))
    async def campaigns(offset: _Offset = 0, limit: _Limit = 100) -> list[CampaignView]:
        """Return the counts of each campaign, the one with the newest message first."""
        await index.catch_up()
        return [view_campaign(state, one) for one in index.campaigns()[offset : offset + limit]]

    @router.get("/summary", tags=[Tag.INBOX])
    async def summary() -> Summary:
        """Return the counts of all messages, requests and faults."""
        await index.catch_up()
        return summarize(state, index=index)


def _add_streams(
    router: APIRouter, state: State, *, index: Index, listings: Listings, stopping: asyncio.Event
) -> None:
    events = Events(state, index=index, stopping=stopping)

    @router.get(
        "/events",
        response_class=StreamingResponse,
        tags=[Tag.INBOX],
        responses=streams("text/event-stream")
        | refusals(422)
        | refusals(503, because="There are too many listeners already."),
    )
    async def listen(
        request: Request,
        last_event_id: Annotated[
            str | None, Header(max_length=100, description="The id of the last event that was seen.")
        ] = None,
    ) -> StreamingResponse:
        """Stream an event at once and one after each change; `Last-Event-ID` names the last one that was seen."""
        if events.is_full:
            raise HTTPException(status_code=503, detail=f"There are {MOST_LISTENERS} listeners already.")
        return StreamingResponse(
            events.listen(last_id=last_event_id, is_gone=request.is_disconnected),
            media_type="text/event-stream",
            # For a proxy in between, which would hold small pieces back.
            headers={"x-accel-buffering": "no"},
        )

    @router.get(
        "/export",
        response_class=StreamingResponse,
        tags=[Tag.INBOX],
        responses=streams("application/json", "text/csv") | refusals(422),
    )
    async def export(
        search: Annotated[Search, Depends(read_search)],
        format: Annotated[Literal["csv", "json"], Query(description="The kind of file.")] = "json",  # noqa: A002
    ) -> StreamingResponse:
        """Stream all messages that a search finds, oldest first, as a file."""
        write, media_type = {
            "csv": (csv_export, "text/csv; charset=utf-8"),
            "json": (json_export, "application/json"),
        }[format]
        name = f"messages-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{format}"
        return StreamingResponse(
            write(state, listings.matching(search), index=index),
            media_type=media_type,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

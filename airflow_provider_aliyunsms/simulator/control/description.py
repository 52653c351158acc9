# SPDX-License-Identifier: Apache-2.0
"""Describe the control API as a whole, for ``openapi.json`` and what is made from it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms import __version__
from airflow_provider_aliyunsms.simulator.control.answers import Problem

if TYPE_CHECKING:
    from fastapi.routing import APIRoute


class Tag(StrEnum):
    """The groups of calls, in the order in which a reader needs them."""

    MESSAGES = "messages"
    FAULTS = "faults"
    OPTIONS = "options"
    DEFINITIONS = "templates and signatures"
    INBOX = "inbox"
    RUNNING = "running"


_TAGS: Final = {
    Tag.MESSAGES: "What arrived on the simulated phones. A mainland number has one spelling here: its 11 digits.",
    Tag.FAULTS: "Make the gateway answer late, wrongly, or not at all.",
    Tag.OPTIONS: "Change delays, rates and switches while it runs.",
    Tag.DEFINITIONS: "Say which templates and signatures the account has.",
    Tag.INBOX: "What the page of the inbox reads: phones, conversations, campaigns, an event stream, an export.",
    Tag.RUNNING: "Is it there, and forget everything.",
}

_SUMMARY: Final = "Read what the simulated phones got, and make the simulated gateway misbehave."
_ABOUT: Final = """\
The simulator speaks the two SMS APIs of Alibaba Cloud (2017-05-25 and 2018-05-01) on `/`, as the real gateway does;
the SDKs are the description of that. This is the other side, for tests and people: it needs no signature and no
secret, it is not throttled, and its calls are not counted.

* Every `POST` needs `Content-Type: application/json`, also one whose body is not read.
* A refusal is `{"detail": ...}`. A field that is not known is refused, so that a misspelt one is noticed.
* Beside what each call names: 421 when it is addressed by a name that was not given with `--allow-host`, and 413
  for a body above 8 MB."""

_REFUSALS: Final = {
    403: "A browser sent it for a page from elsewhere.",
    415: "It has no `Content-Type: application/json`.",
    422: "A parameter or the body is wrong, or there would be too many of them.",
}


def app_settings() -> dict[str, Any]:
    """Return the arguments with which a FastAPI application describes the control API."""
    return {
        "title": "Aliyun SMS simulator",
        "summary": _SUMMARY,
        "description": _ABOUT,
        "version": __version__,
        "license_info": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        "openapi_tags": [{"name": tag.value, "description": text} for tag, text in _TAGS.items()],
    }


def refusals(*statuses: int, because: str = "") -> dict[int | str, dict[str, Any]]:
    """
    Return the description of the refusals of a call by status.

    :param because: when it comes, where that depends on the call.
    """
    return {status: {"model": Problem, "description": because or _REFUSALS[status]} for status in statuses}


def streams(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of an answer that is sent in pieces and has no form, by its media types."""
    return {200: {"description": "In pieces.", "content": {one: {} for one in media_types}}}


def operation_id(route: APIRoute) -> str:
    """Return the id of a call, of which generators make the name of a method."""
    return route.name

# SPDX-License-Identifier: Apache-2.0
"""Provide an application for Airflow's API server that is imported at its first request; its failure is a message."""

from __future__ import annotations

import asyncio
import html
import importlib
import json
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

_WORDS = (
    "SMS campaigns cannot be shown: the page of airflow-provider-aliyunsms could not be loaded ({kind}). The log of "
    "the API server says more. Nothing else of Airflow is affected, and neither is any campaign."
)


class LazyApp:
    """
    An ASGI application that is made when the first request comes.

    Costs nothing before. An error while it is made is logged and shown to whoever asked; the next request tries
    again.

    :param module: the module that has the function ``make_app``.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._app: App | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            app = await self._loaded()
        except Exception as error:
            log.exception("The page of SMS campaigns could not be loaded.")
            await _answer(send, kind=type(error).__name__, as_json="/api/" in scope.get("path", ""))
            return
        await app(scope, receive, send)

    async def _loaded(self) -> App:
        async with self._lock:
            if self._app is None:
                # In a thread: other pages of Airflow are served meanwhile.
                self._app = await asyncio.to_thread(self._make)
            return self._app

    def _make(self) -> App:
        made: App = importlib.import_module(self._module).make_app()
        return made


async def _answer(send: Send, *, kind: str, as_json: bool) -> None:
    words = _WORDS.format(kind=kind)
    page = f"<!doctype html><meta charset=utf-8><title>SMS campaigns</title><p>{html.escape(words)}</p>"
    body = json.dumps({"detail": words}) if as_json else page
    content_type = b"application/json" if as_json else b"text/html; charset=utf-8"
    await send({"type": "http.response.start", "status": 500, "headers": [(b"content-type", content_type)]})
    await send({"type": "http.response.body", "body": body.encode()})

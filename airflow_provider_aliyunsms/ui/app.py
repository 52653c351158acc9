# SPDX-License-Identifier: Apache-2.0
"""Make the application that the API server mounts: the page, its files, and the JSON."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from airflow_provider_aliyunsms.ui.routes import router

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Response

    Call = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"

_HEADERS = {
    # Everything comes from this server, and Airflow's own page may frame it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def make_app() -> FastAPI:
    """
    Return the application.

    The page and its files hold no data, so everybody gets them; each address below ``/api`` asks for permission.
    """
    app = FastAPI(title="SMS campaigns", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Exception, _failed)
    app.include_router(router)

    @app.middleware("http")
    async def with_headers(request: Request, call_next: Call) -> Response:
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / PAGE)

    app.mount("/", StaticFiles(directory=STATIC), name="static")
    return app


async def _failed(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - FastAPI's signature
    """Answer without the words of the error: they may quote a value."""
    log.error("A request of the page of SMS campaigns failed.", exc_info=error)
    return JSONResponse(
        {"detail": f"This failed ({type(error).__name__}); see the log of the API server."}, 500
    )

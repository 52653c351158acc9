# SPDX-License-Identifier: Apache-2.0
"""The FastAPI application of one simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from airflow_provider_aliyunsms.simulator.control import PREFIX, control_routes
from airflow_provider_aliyunsms.simulator.gateway import Gateway
from airflow_provider_aliyunsms.simulator.wire import Wire

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_aliyunsms.simulator.state import State
    from airflow_provider_aliyunsms.simulator.wire import Connections


def make_app(state: State, *, connections: Connections, stopping: asyncio.Event) -> FastAPI:
    """
    Build the application; cheap, opens nothing.

    :param connections: gives the server's open connections, for the faults that break them.
    :param stopping: set when the server goes down.
    """
    gateway = Gateway(state=state, wire=Wire(connections), stopping=stopping)
    app = FastAPI(
        title="Aliyun SMS simulator",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # a plain route: the gateway reads its own parameters, and FastAPI's would only cost time
        routes=[Route("/", gateway.answer, methods=["GET", "POST"])],
    )
    app.include_router(control_routes(state))
    return app

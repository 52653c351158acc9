# SPDX-License-Identifier: Apache-2.0
"""Handle one request from its first byte to the last one of the response, with the fault that is planned for it."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from airflow_provider_aliyunsms.simulator.apis import SENDS, Action, check_rate, find_action, throttled
from airflow_provider_aliyunsms.simulator.call import Call, read_call
from airflow_provider_aliyunsms.simulator.gateway import misbehave
from airflow_provider_aliyunsms.simulator.gateway.authentication import check, identify, nonce_used
from airflow_provider_aliyunsms.simulator.gateway.wire import DroppedResponse, TruncatedResponse
from airflow_provider_aliyunsms.simulator.memory import Fault, Kind
from airflow_provider_aliyunsms.simulator.replies import Refusal, Reply, encode, refuse

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_aliyunsms.simulator.gateway.wire import Wire
    from airflow_provider_aliyunsms.simulator.memory import State


class Gateway:
    """
    Handle the requests to ``/``; one instance for each simulator.

    :param state: messages, nonces, planned faults and counts.
    :param wire: breaks the connection of a request.
    :param stopping: set when the server shuts down; ends the delays of faults early.
    """

    def __init__(self, *, state: State, wire: Wire, stopping: asyncio.Event) -> None:
        self._state = state
        self._wire = wire
        self._stopping = stopping
        # Whether it was said on stderr that the memory is full: once is enough.
        self._told = False

    async def answer(self, request: Request) -> Response:
        """Return the response to one request: its reply, a refusal, or the fault that is planned for it."""
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            call = read_call(
                method=request.method,
                query=request.url.query,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        except ValueError:
            return Response("Too many parameters.", status_code=400)
        action = find_action(call)
        if isinstance(action, Refusal):
            if call.values or call.action:
                # A request that asks for nothing, as clients make to learn the time, is not counted.
                self._state.refused[action.code] += 1
            return self._encode(refuse(action, api=None, host=call.host), call)
        state = self._state
        # Counted before a fault can drop the request: tests compare these counts with the calls of the client.
        state.requests[action.name] += 1
        state.worst[action.name].arrived(now=time.monotonic())
        fault = state.faults.take(action.name)
        if fault is None:
            return self._encode(self._carry_out(call, action, fault=None), call)
        return await self._answer_badly(call, action, fault)

    async def _answer_badly(self, call: Call, action: Action, fault: Fault) -> Response:
        # Before anything is carried out: the gateway has not seen this request, and its nonce stays free.
        if fault.kind is Kind.DROP_BEFORE:
            return DroppedResponse(self._wire)
        if fault.kind is Kind.DELAY_BEFORE:
            await self._sleep(fault.seconds)
        reply = self._carry_out(call, action, fault=fault)
        # After the request is carried out: a client that gives up during the delay has still sent its messages.
        if fault.kind is Kind.DELAY:
            await self._sleep(fault.seconds)
        return self._spoiled(call, action, fault, reply)

    def _carry_out(self, call: Call, action: Action, *, fault: Fault | None) -> Reply:
        # No await in here: another request in between could use the same nonce or the same place in the rate limit.
        outcome = self._refused_at_the_door(call, action, fault=fault) or self._handle(call, action)
        reply = outcome if isinstance(outcome, Reply) else refuse(outcome, api=action.api, host=call.host)
        if reply.code != "OK":
            self._state.refused[reply.code] += 1
        return reply

    def _handle(self, call: Call, action: Action) -> Reply | Refusal:
        options = self._state.options
        identity = identify(call)
        key = None if isinstance(identity, Refusal) else options.access_key(identity.key_id)
        form = () if action.api == "globe" and not options.globe_reads_form else call.form
        return action.handler(self._state, replace(call, form=form, account=key.account if key else ""))

    def _refused_at_the_door(self, call: Call, action: Action, *, fault: Fault | None) -> Refusal | None:
        state = self._state
        identity = identify(call)
        if isinstance(identity, Refusal):
            return identity
        planned = None if fault is None else misbehave.refusal_of(fault, api=action.api)
        # Refused for its date before the nonce is used, so that the nonce stays free.
        if fault is not None and fault.kind is Kind.SKEWED_CLOCK:
            return planned
        refusal = check(call, identity, options=state.options, now=state.now())
        if refusal is None and state.has_too_many_nonces:
            return throttled(seconds=60.0)
        # A right signature uses the nonce up, whether the request is refused afterwards or not. Checked after the
        # signature, so that a forged request cannot use up a nonce.
        if refusal is None and not state.use_nonce(key_id=identity.key_id, nonce=identity.nonce):
            refusal = nonce_used()
        if refusal is None and planned is None and state.is_full and action.name in SENDS:
            return self._full(action)
        return refusal or planned or check_rate(state, action, now=time.monotonic())

    def _full(self, action: Action) -> Refusal:
        limit = self._state.options.memory_limit
        text = f"The simulator is full ({limit} MB): POST /_simulator/reset, or start with a larger --memory-limit."
        if not self._told:
            self._told = True
            sys.stderr.write(f"aliyunsms-simulator: {text}\n")
            sys.stderr.flush()
        code = "OUT_OF_SERVICE"
        return Refusal(f"isv.{code}" if action.api == "china" else code, text)

    def _spoiled(self, call: Call, action: Action, fault: Fault, reply: Reply) -> Response:
        match fault.kind:
            case Kind.DROP_AFTER:
                return DroppedResponse(self._wire)
            case Kind.TRUNCATE_AFTER:
                content, media_type = encode(reply, action=action.name, xml=call.wants_xml)
                return TruncatedResponse(self._wire, content=content, media_type=media_type)
            case Kind.GARBAGE | Kind.GARBAGE_AFTER:
                return Response(misbehave.BAD_GATEWAY, status_code=502, media_type="text/html")
            case Kind.EMPTY_AFTER:
                return Response(b"", media_type="application/json;charset=utf-8")
        instead = misbehave.refusal_instead(fault, api=action.api)
        if instead is not None:
            return self._encode(refuse(instead, api=action.api, host=call.host), call)
        return self._encode(misbehave.distort(fault, reply), call)

    def _encode(self, reply: Reply, call: Call) -> Response:
        content, media_type = encode(reply, action=call.action, xml=call.wants_xml)
        return Response(content, status_code=reply.status, headers=dict(reply.headers), media_type=media_type)

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return

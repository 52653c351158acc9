# SPDX-License-Identifier: Apache-2.0
"""
A gateway, a clock and a store that a test holds in its hand.

The gateway keeps the rules of the real one: a nonce works once, records appear late, an answer can be lost on
either side of the acceptance. The engine under test is the real one.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from inline_workers import InlineWorkers

from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.plan import Plan
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.campaign.ports import Evidence
from airflow_provider_aliyunsms.campaign.run import Campaign
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError
from airflow_provider_aliyunsms.products import CHINA

SETTLE_TIME = 600.0
NONCE_MEMORY = 900.0
POISON = "99"
"""Numbers that end in this are refused, and their whole chunk with them."""


class Crash(BaseException):
    """The process dies here: nothing after it is written."""


class HeldClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.01)


@dataclass
class Gateway:
    """
    The other side, and the judge: what it accepted is the truth.

    :ivar faults: one word per submission, used up in order; empty means well.
    :ivar query_faults: one word per look-up.
    :ivar retry_after: the seconds it asks to wait for when it throttles.
    """

    clock: HeldClock
    record_lag: float = 0.0
    faults: deque[str] = field(default_factory=deque)
    query_faults: deque[str] = field(default_factory=deque)
    accepted: Counter = field(default_factory=Counter)
    records: list[tuple[float, str, str]] = field(default_factory=list)
    nonces: dict[tuple[str, str], float] = field(default_factory=dict)
    submissions: int = 0
    submitted_at: list[float] = field(default_factory=list)
    retry_after: float | None = None
    signer: str = "first"

    def submit(self, chunk, envelope) -> tuple[str, str]:
        """Return kind and code of the answer, as the caller sees it."""
        self.submissions += 1
        self.submitted_at.append(self.clock.now())
        fault = self.faults.popleft() if self.faults else "ok"
        if fault == "refused_connection":
            return "released", "ConnectionRefused"
        if fault == "drop_before":
            return "ambiguous", "ConnectionLost"
        now = self.clock.now()
        used = self.nonces.get((self.signer, envelope.nonce))
        if used is not None and now - used < NONCE_MEMORY:
            return "ambiguous", "SignatureNonceUsed"
        signed = datetime.strptime(envelope.date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        if abs(now - signed) > NONCE_MEMORY:
            return "released", "InvalidTimeStamp.Expired"
        if fault == "throttle_unseen":
            return "released", "Throttling.User"
        self.nonces[self.signer, envelope.nonce] = now
        answers = {
            "throttle": ("released", "Throttling.User"),
            "error_500": ("ambiguous", "InternalError"),
            "system_error": ("ambiguous", "isp.SYSTEM_ERROR"),
            "doomed": ("doomed", "isv.AMOUNT_NOT_ENOUGH"),
        }
        if fault in answers:
            return answers[fault]
        if any(recipient.number.endswith(POISON) for recipient in chunk.recipients):
            answer = ("refused", "isv.MOBILE_NUMBER_ILLEGAL")
        else:
            for recipient in chunk.recipients:
                self.accepted[recipient.number] += 1
                self.records.append((now + self.record_lag, recipient.number, chunk.out_id))
            answer = ("accepted", "")
        return answer if fault == "ok" else ("ambiguous", "ConnectionLost")

    def find(self, chunk) -> Evidence:
        fault = self.query_faults.popleft() if self.query_faults else "ok"
        if fault == "unreachable":
            return Evidence.INCONCLUSIVE
        numbers = {recipient.number for recipient in chunk.recipients}
        now = self.clock.now()
        for visible_at, number, out_id in self.records:
            if number in numbers and out_id == chunk.out_id and visible_at <= now:
                return Evidence.FOUND
        return Evidence.INCONCLUSIVE if fault == "hidden" else Evidence.EMPTY


class ScriptedChannel:
    """The wire, short-circuited to the gateway."""

    def __init__(self, *, gateway: Gateway, can_look_up: bool) -> None:
        self.product = replace(CHINA, can_look_up=can_look_up)
        self._gateway = gateway

    def signer(self) -> str:
        return self._gateway.signer

    def submit(self, *, chunk, envelope) -> Outcome:
        kind, code = self._gateway.submit(chunk, envelope)
        time = datetime.fromtimestamp(self._gateway.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if kind == "doomed":
            return Outcome(
                kind=OutcomeKind.RELEASED, time=time, code=code, error=CampaignDoomedError("no", code=code)
            )
        outcome = Outcome(
            kind=OutcomeKind(kind),
            time=time,
            code=code or None,
            lasting=kind == "refused",
            throttled=code == "Throttling.User",
            retry_after=self._gateway.retry_after if code == "Throttling.User" else None,
        )
        return replace(outcome, biz_id=f"biz-{chunk.out_id}") if kind == "accepted" else outcome

    def look_up(self, *, chunk, since) -> Evidence:
        return self._gateway.find(chunk) if self.product.can_look_up else Evidence.IMPOSSIBLE

    def status(self, *, message):
        raise NotImplementedError("delivery is somebody else's test")


class CrashingStore:
    """
    A durable store whose owner may die before or after a write; the values stay.

    :ivar meanwhile: what happens elsewhere while a key is written.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.meanwhile = lambda key: None
        self.largest = 0
        self._crash_in: int | None = None
        self._crash_after_write = False
        self._dead = False
        self.broken_in: int | None = None

    def new_process(self, *, crash_in: int | None, crash_after_write: bool, broken_in: int | None) -> None:
        self._crash_in = crash_in
        self._crash_after_write = crash_after_write
        self._dead = False
        self.broken_in = broken_in

    def die(self) -> None:
        self._dead = True

    def get(self, key):
        assert threading.current_thread() is threading.main_thread(), (
            "the main thread alone talks to the ledger"
        )
        if self._dead:
            raise Crash
        text = self.values.get(key)
        return None if text is None else json.loads(text)

    def set(self, key, value) -> None:
        assert threading.current_thread() is threading.main_thread(), (
            "the main thread alone talks to the ledger"
        )
        if self._dead:
            raise Crash
        self.meanwhile(key)
        if self.broken_in is not None:
            self.broken_in -= 1
            if self.broken_in < 0:
                raise ConnectionError("the API server is gone")
        if self._crash_in is not None:
            self._crash_in -= 1
            if self._crash_in < 0:
                if self._crash_after_write:
                    self.values[key] = json.dumps(value)
                self._dead = True
                raise Crash
        text = json.dumps(value)
        self.largest = max(self.largest, len(text))
        self.values[key] = text


@dataclass
class World:
    """
    Everything around one campaign, and a way to run a try of it.

    :ivar told_to_stop: the reason why sending shall stop now.
    :ivar workers: the pool of the last try.
    :ivar make_workers: makes another pool than the one without threads.
    """

    can_look_up: bool = True
    clock: HeldClock = field(default_factory=HeldClock)
    store: CrashingStore = field(default_factory=CrashingStore)
    tries: int = 0
    clears: int = 0
    workers: InlineWorkers | None = None

    def __post_init__(self) -> None:
        self.gateway = Gateway(clock=self.clock)
        self.receipts: list[dict] = []
        self.told_to_stop: str | None = None
        self.make_workers = self._inline_workers

    def run(self, recipients, *, stop_after: int | None = None, crash_on_stop: bool = False, **changes):
        """Run one try in a new process; see the store and the gateway for what may go wrong in it."""
        self.tries += 1
        self.workers = None
        checks = 0

        def stop_reason() -> str | None:
            nonlocal checks
            checks += 1
            if stop_after is None or checks <= stop_after:
                return self.told_to_stop
            if crash_on_stop:
                self.store.die()
                raise Crash
            return "the test said so"

        policy = {"chunk_size": 5, "max_concurrency": 2, "settle_time": SETTLE_TIME, "evidence_wait": 60.0}
        plan_fields = {
            "resend": False,
            "first_try": self.tries == 1,
            "dry_run": False,
            "dedupe": "content",
            "positional": False,
        }
        for name, value in changes.items():
            (plan_fields if name in plan_fields or name == "limits" else policy)[name] = value
        plan = Plan(
            campaign_id="campaign",
            blocks=read_blocks(recipients, open_binary=open),
            rules=ChinaRules(sign_name="测试", template_param=None),
            channel=ScriptedChannel(gateway=self.gateway, can_look_up=self.can_look_up),
            store=self.store,
            fenced=False,
            policy=SendPolicy(**policy),
            limits=plan_fields.pop("limits", AudienceLimits()),
            keep_receipts=self._keep,
            stop_reason=stop_reason,
            occasion=f"clear-{self.clears}",
            **plan_fields,
        )
        return Campaign(plan=plan, clock=self.clock, make_workers=self.make_workers).run()

    def slow_store(self, *, seconds: float, calls: int) -> None:
        """Let every write take so long, and so many calls end in that time."""

        def meanwhile(key):
            self.clock.sleep(seconds)
            if self.workers is not None:
                self.workers.go_on(calls=calls)

        self.store.meanwhile = meanwhile

    def _inline_workers(self, *, work, may_begin, count):
        self.workers = InlineWorkers(work=work, may_begin=may_begin, count=count, clock=self.clock)
        return self.workers

    def _keep(self, receipts, total):
        self.receipts = list(receipts)
        return {"receipts": self.receipts}

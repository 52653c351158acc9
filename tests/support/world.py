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
from typing import TYPE_CHECKING

from inline_workers import InlineWorkers

from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
from airflow_provider_aliyunsms.campaign.ledger import Occasion
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.plan import Plan, Texts
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, LookUp
from airflow_provider_aliyunsms.campaign.run import Campaign
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.groups import Groups

SETTLE_TIME = 600.0
NONCE_MEMORY = 900.0
MOST_LAG_AFTER_REFUSAL = 50.0
LONGEST_TRY = 2 * 86_400.0
POISON = "99"
"""Numbers that end in this are refused, and their whole chunk with them."""


_FAILED_LOOK_UPS = {"unreachable": "ConnectTimeout", "forbidden": "Forbidden.RAM"}


class Crash(BaseException):
    """The process dies here: nothing after it is written."""


class EndlessError(BaseException):
    """The try does not come to an end; no handler of the engine takes it for an error of its own."""


class HeldClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0
        self.ends_at = float("inf")

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.01)
        if self.seconds > self.ends_at:
            raise EndlessError


class MachineClock:
    """The clock of one worker: its wall clock may be wrong, and may be set while a try runs."""

    by_gateway = False

    def __init__(self, *, held: HeldClock, skew: Callable[[], float]) -> None:
        self._held = held
        self._skew = skew

    def now(self) -> float:
        return self._held.now() + self._skew()

    def monotonic(self) -> float:
        return self._held.monotonic() - 1_700_000_000.0

    def sleep(self, seconds: float) -> None:
        self._held.sleep(seconds)


@dataclass(frozen=True)
class Record:
    """What the gateway shows of one accepted message."""

    visible_at: float
    sent_at: float
    number: str
    out_id: str | None
    account: str


@dataclass
class Gateway:
    """
    The other side, and the judge: what it accepted is the truth.

    :ivar faults: one word per submission, used up in order; empty means well.
    :ivar query_faults: one word per look-up.
    :ivar retry_after: the seconds it asks to wait for when it throttles.
    :ivar signer: the AccessKey in use and, behind an @, the endpoint: ``first`` and ``second`` are of one account,
        ``other`` is not. A nonce is known to the endpoint that has seen it under that key.
    :ivar partial: a refused batch is accepted but for its bad numbers.
    :ivar partly: the bad numbers of such batches.
    :ivar unheard: those of them whose refusal the sender may not have heard.
    :ivar without_out_id: records do not carry the out id.
    :ivar tells_time: responses have a Date header.
    :ivar poison: numbers that end in this are refused, and their whole chunk with them; None for no number.
    :ivar refusal: the code of such a refusal.
    :ivar fates: the carrier's code by number, empty for a message under way; others are delivered.
    """

    clock: HeldClock
    record_lag: float = 0.0
    faults: deque[str] = field(default_factory=deque)
    query_faults: deque[str] = field(default_factory=deque)
    accepted: Counter = field(default_factory=Counter)
    records: list[Record] = field(default_factory=list)
    nonces: dict[tuple[str, str], float] = field(default_factory=dict)
    submissions: int = 0
    submitted_at: list[float] = field(default_factory=list)
    retry_after: float | None = None
    signer: str = "first"
    partial: bool = False
    partly: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    without_out_id: bool = False
    tells_time: bool = True
    poison: str | None = POISON
    refusal: str = "isv.MOBILE_NUMBER_ILLEGAL"
    fates: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return "other" if self.signer.startswith("other") else "ours"

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
        bad = [recipient.number for recipient in chunk.recipients if self._refuses(recipient.number)]
        if not bad:
            self._accept(chunk.members.numbers, chunk.out_id, lag=self.record_lag)
        elif self.partial:
            # What a look-up shows after a refusal comes within the time that is documented for it.
            good = [number for number in chunk.members.numbers if number not in bad]
            self.partly.update(bad)
            if fault != "ok":
                self.unheard.update(bad)
            self._accept(good, chunk.out_id, lag=min(self.record_lag, MOST_LAG_AFTER_REFUSAL))
        answer = ("refused", self.refusal) if bad else ("accepted", "")
        return answer if fault == "ok" else ("ambiguous", "ConnectionLost")

    def _refuses(self, number: str) -> bool:
        return self.poison is not None and number.endswith(self.poison)

    def _accept(self, numbers, out_id, *, lag) -> None:
        now = self.clock.now()
        for number in numbers:
            self.accepted[number] += 1
            label = None if self.without_out_id else out_id
            self.records.append(Record(now + lag, now, number, label, self.account))

    def find(self, chunk, *, since, until, turn, thorough) -> LookUp:
        fault = self.query_faults.popleft() if self.query_faults else "ok"
        if fault in _FAILED_LOOK_UPS:
            return LookUp(Evidence.INCONCLUSIVE, doubtful=True, code=_FAILED_LOOK_UPS[fault])
        now, size = self.clock.now(), len(chunk)
        places = range(size) if thorough else {(turn + step) % size for step in range(min(size, 3))}
        asked = {chunk.members.numbers[place]: place for place in places}
        shown = [
            record
            for record in self.records
            if record.number in asked and record.visible_at <= now and record.account == self.account
        ]
        found = frozenset(asked[record.number] for record in shown if record.out_id == chunk.out_id)
        nameless = any(
            record.out_id is None and since - 90 <= record.sent_at <= until + 900 + 90 for record in shown
        )
        doubtful = fault == "hidden" or nameless or now - since > 29 * 86_400
        if found:
            return LookUp(Evidence.FOUND, found=found, doubtful=doubtful)
        return LookUp(Evidence.INCONCLUSIVE if doubtful else Evidence.EMPTY, doubtful=doubtful)


class ScriptedChannel:
    """The wire, short-circuited to the gateway."""

    def __init__(self, *, gateway: Gateway, can_look_up: bool, groups: Groups | None = None) -> None:
        self.product = replace(CHINA, can_look_up=can_look_up)
        self._gateway = gateway
        self._groups = groups
        self._offset: float | None = None

    def signer(self) -> str:
        return self._gateway.signer if self._groups is None else self._groups.signed(self._gateway.signer)

    def can_replay(self, *, nonce, signer) -> bool:
        return signer == self.signer()

    def gateway_time(self, *, monotonic) -> float | None:
        return None if self._offset is None else monotonic + self._offset

    def sync_clock(self) -> None:
        if not self._gateway.faults or self._gateway.faults[0] != "refused_connection":
            self._learn_time()

    def _learn_time(self) -> None:
        if self._gateway.tells_time:
            # A Date header has no fractions.
            self._offset = (
                float(int(self._gateway.clock.now())) - self._gateway.clock.monotonic() + 1_700_000_000.0
            )

    def submit(self, *, chunk, envelope) -> Outcome:
        kind, code = self._gateway.submit(chunk, envelope)
        self._learn_time()
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

    def look_up(self, *, chunk, since, until, turn, thorough) -> LookUp:
        self._learn_time()
        return self._gateway.find(chunk, since=since, until=until, turn=turn, thorough=thorough)

    def status(self, *, message):
        assert message.out_id
        code = self._gateway.fates.get(message.number, "DELIVERED")
        fate = {"DELIVERED": Fate.DELIVERED, "": Fate.PENDING}.get(code, Fate.FAILED)
        return Delivery(fate, code)


class CrashingStore:
    """
    A durable store whose owner may die before or after a write; the values stay.

    :ivar meanwhile: what happens elsewhere while a key is written.
    :ivar lies_in: after so many reads one says that there is nothing.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.meanwhile = lambda key: None
        self.largest = 0
        self._crash_in: int | None = None
        self._crash_after_write = False
        self._dead = False
        self.broken_in: int | None = None
        self.lies_in: int | None = None

    def new_process(
        self, *, crash_in: int | None = None, crash_after_write: bool = False, broken_in: int | None = None
    ) -> None:
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
        if self.lies_in is not None and text is not None:
            # Once, and no more: a store that forgets for good is another matter.
            self.lies_in -= 1
            if self.lies_in < 0:
                self.lies_in = None
                return None
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

    :ivar skew: seconds by which the machine of the try is ahead of the true time.
    :ivar step: seconds by which the machine's clock is set forward in the middle of the try.
    :ivar told_to_stop: the reason why sending shall stop now.
    :ivar workers: the pool of the last try.
    :ivar make_workers: makes another pool than the one without threads.
    """

    can_look_up: bool = True
    clock: HeldClock = field(default_factory=HeldClock)
    store: CrashingStore = field(default_factory=CrashingStore)
    tries: int = 0
    clears: int = 0
    skew: float = 0.0
    step: float = 0.0
    workers: InlineWorkers | None = None

    def __post_init__(self) -> None:
        self.gateway = Gateway(clock=self.clock)
        self.receipts: list[dict] = []
        self.failures: list[dict] = []
        self.receipts_fail: Exception | None = None
        self.interruptions: tuple[type[BaseException], ...] = ()
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

        occasion = Occasion(
            name=f"clear-{self.clears}",
            first_try=changes.pop("first_try", self.tries == 1),
            untouched=changes.pop("untouched", False),
        )
        policy = {"chunk_size": 5, "max_concurrency": 2, "settle_time": SETTLE_TIME, "evidence_wait": 60.0}
        plan_fields = {
            "resend": False,
            "resend_rejected": False,
            "dry_run": False,
            "dedupe": "content",
            "durable": True,
            "positional": False,
            "groups": None,
            "account_pace": None,
            "guards": (),
            "surroundings": None,
            "texts": Texts(template_code="SMS_1"),
        }
        for name, value in changes.items():
            (plan_fields if name in plan_fields or name == "limits" else policy)[name] = value
        plan = Plan(
            campaign_id="campaign",
            blocks=read_blocks(recipients, open_binary=open),
            rules=ChinaRules(sign_name="测试", template_param=None),
            channel=ScriptedChannel(
                gateway=self.gateway, can_look_up=self.can_look_up, groups=plan_fields["groups"]
            ),
            store=self.store,
            fenced=False,
            policy=SendPolicy(**policy),
            limits=plan_fields.pop("limits", AudienceLimits()),
            keep_receipts=self._keep,
            keep_failure=self.failures.append,
            interruptions=self.interruptions,
            stop_reason=stop_reason,
            occasion=occasion,
            **plan_fields,
        )
        began = self.gateway.submissions
        self.clock.ends_at = self.clock.seconds + LONGEST_TRY
        clock = MachineClock(
            held=self.clock,
            skew=lambda: self.skew + (self.step if self.gateway.submissions > began + 2 else 0.0),
        )
        try:
            return Campaign(plan=plan, clock=clock, make_workers=self.make_workers).run()
        finally:
            self.clock.ends_at = float("inf")

    def retry(self, recipients, **changes):
        """Run the next try of the same run: in a new process, in which nothing goes wrong."""
        self.store.new_process()
        return self.run(recipients, first_try=False, **changes)

    def slow_store(self, *, seconds: float, calls: int) -> None:
        """Let every write take so long, and so many calls end in that time."""

        def meanwhile(key):
            self.clock.sleep(seconds)
            if self.workers is not None:
                self.workers.go_on(calls=calls)

        self.store.meanwhile = meanwhile

    def _inline_workers(self, **options):
        self.workers = InlineWorkers(**options, clock=self.clock)
        return self.workers

    def _keep(self, receipts, total):
        if self.receipts_fail is not None:
            raise self.receipts_fail
        self.receipts = list(receipts)
        return {"receipts": self.receipts}

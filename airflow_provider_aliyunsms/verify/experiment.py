# SPDX-License-Identifier: Apache-2.0
"""
Make the calls of an experiment in an order that answers most with the fewest messages.

1. A free call shows whether the account can be used at all.
2. One message is sent, and its record is looked for.
3. The same signed request is made again. A gateway that refuses used nonces sends nothing.
4. A batch of the own number and an invalid one is sent, and a record of the own number is looked for.

Each of the three calls can leave one message at most. An answer that does not say whether a call was accepted ends
the experiment.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.api.signature import Envelope
from airflow_provider_aliyunsms.exceptions import ApiError, RequestRefusedError
from airflow_provider_aliyunsms.verify.observations import Answer, AnswerKind, Observations, Sighting
from airflow_provider_aliyunsms.verify.probes import Letter, Look, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.verify.probes import Probe

MOST_MESSAGES: Final = 3
"""Send calls of one experiment; each has the own number once."""

MARGIN: Final = 3.0
"""A later record is waited for so many times as long as the first one took."""

LATEST_REPLAY: Final = 600.0
"""Seconds after which the replay no longer waits for the first record: the date of a request holds for 15 minutes."""

LONGEST_SPACING: Final = 840.0
"""Seconds: the provider itself replays nothing that was signed more than 14 minutes ago."""

FAST: Final = 1.0
SLOW: Final = 5.0
FAST_FOR: Final = 30.0
LEAST_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """
    The waits of an experiment, in seconds.

    :param spacing: between two messages: operators of networks let one a minute through to one number.
    :param record: how long the record of the first message is looked for.
    :param refused: how long a record is looked for after a refused batch, at least.
    """

    spacing: float = 65.0
    record: float = 600.0
    refused: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """
    What is looked for.

    :param before: what a look had shown before the call; None when it failed.
    :param began: monotonic seconds at the call.
    :param moment: the gateway's time at the call.
    """

    sent: Sent
    label: str
    before: Look | None
    began: float
    moment: float


class Experiment:
    """
    One experiment; :meth:`run` makes it, once.

    :param probe: the calls of the product.
    :param waits: how long is waited for what.
    :param clock: the machine's clock.
    :param tell: takes a line on what is being done.
    :ivar seen: what was seen so far; complete only when :meth:`run` has returned.
    """

    def __init__(self, *, probe: Probe, waits: Waits, clock: Clock, tell: Callable[[str], None]) -> None:
        self._probe = probe
        self._waits = waits
        self._clock = clock
        self._tell = tell
        self._calls = 0
        self._last_accepted = -math.inf
        self._since = clock.now()
        self.seen = Observations(product=probe.name)

    def run(self) -> Observations:
        """
        Make the calls and return what was seen; takes some minutes and costs up to three messages.

        No error of the API is raised: it is an answer like others.
        """
        seen = self.seen
        seen.access = self._knock()
        if not seen.access.is_accepted:
            return seen
        self._since = self._moment()
        first = self._letter()
        signer = self._probe.client.signer(product=self._probe.product)
        before = self._look(Sent(answer=seen.access))
        self._tell("Sending the first message.")
        began = self._clock.monotonic()
        sent = self._send(first)
        seen.first = sent.answer
        if not sent.answer.is_accepted:
            return seen
        watch = _Watch(
            sent=sent, label=first.label, before=before, began=began, moment=self._moment(at=began)
        )
        self._tell("Accepted. Looking for its record.")
        self._watch(seen.record, watch, until=min(self._waits.record, LATEST_REPLAY))
        if self._replay(first, began=began, signer=signer):
            self._watch(seen.record, watch, until=self._waits.record)
            self._batch()
        return seen

    def _knock(self) -> Answer:
        self._tell("Making a free call.")
        client, product = self._probe.client, self._probe.product
        client.sync_clock(product=product)
        theirs = client.gateway_time(product=product)
        if theirs is not None:
            self.seen.tells_time = True
            self.seen.skew = self._clock.now() - theirs
        try:
            self._probe.knock()
        except RequestRefusedError:
            # Refused for what was asked, not for who asks: the account can be used.
            return Answer(kind=AnswerKind.ACCEPTED)
        except ApiError as error:
            return Answer.of(error)
        return Answer(kind=AnswerKind.ACCEPTED)

    def _replay(self, first: Letter, *, began: float, signer: str) -> bool:
        """Make the request of the first message again, and return whether its answer is clear."""
        self._wait_for_spacing()
        seen, client = self.seen, self._probe.client
        if not client.can_replay(nonce=first.envelope.nonce, signer=signer, product=self._probe.product):
            seen.key_changed = True
            return True
        self._tell("Making the same request again.")
        seen.replayed_after = self._clock.monotonic() - began
        seen.replay = self._send(first).answer
        return seen.replay.kind is not AnswerKind.UNCLEAR

    def _batch(self) -> None:
        seen = self.seen
        can_tell = self._probe.product.can_look_up
        if can_tell and (seen.record.after is None or self._blurred()):
            return
        self._wait_for_spacing()
        letter = self._letter(with_invalid=True)
        before = self._look(Sent(answer=Answer(kind=AnswerKind.ACCEPTED)))
        self._tell("Sending a batch with an invalid number.")
        began = self._clock.monotonic()
        sent = self._send(letter)
        seen.batch = sent.answer
        if not can_tell or sent.answer.kind is not AnswerKind.NOT_ACCEPTED:
            return
        self._tell("Refused. Looking for a record of the other number.")
        watch = _Watch(
            sent=sent, label=letter.label, before=before, began=began, moment=self._moment(at=began)
        )
        self._watch(seen.reached, watch, until=max(self._waits.refused, MARGIN * (seen.record.after or 0.0)))
        if seen.reached.after is not None:
            seen.accepted += 1

    def _blurred(self) -> bool:
        """Return whether a late record of the replay could be taken for one of the batch."""
        return (
            self.seen.record.labelled is False
            and self.seen.replay is not None
            and self.seen.replay.is_accepted
        )

    def _send(self, letter: Letter) -> Sent:
        if self._calls >= MOST_MESSAGES:
            raise RuntimeError(f"more than {MOST_MESSAGES} send calls")
        # Counted before the call: whatever ends it, also Ctrl-C, it may have left a message.
        self._calls += 1
        self.seen.perhaps += 1
        try:
            sent = self._probe.send(letter)
        except ApiError as error:
            sent = Sent(answer=Answer.of(error))
        if sent.answer.kind is not AnswerKind.UNCLEAR:
            self.seen.perhaps -= 1
        if sent.answer.is_accepted:
            self.seen.accepted += 1
            self._last_accepted = self._clock.monotonic()
        return sent

    def _watch(self, sighting: Sighting, watch: _Watch, *, until: float) -> None:
        """Look for a record until it is found or so many seconds have passed since the call."""
        if not self._probe.product.can_look_up and watch.sent.message_id is None:
            # Globe finds a message by its id alone, and the answer had none.
            sighting.doubtful = True
            return
        while sighting.after is None:
            look = self._look(watch.sent)
            sighting.watched = self._clock.monotonic() - watch.began
            sighting.doubtful = look is None or not look.complete
            if look is not None and _is_found(look, watch):
                sighting.after = sighting.watched
                sighting.labelled = None if look.found else watch.label in look.labels
                sighting.apart = _apart(look, watch)
            elif sighting.watched >= until:
                return
            else:
                pause = FAST if sighting.watched < FAST_FOR else SLOW
                self._clock.sleep(min(pause, max(until - sighting.watched, LEAST_PAUSE)))

    def _look(self, sent: Sent) -> Look | None:
        # A record may be filed under the gateway's date, which changes at midnight in China.
        try:
            return self._probe.look(sent, since=self._since, until=self._moment())
        except ApiError as error:
            self._tell(f"A look-up failed ({error.code or type(error).__name__}).")
            return None

    def _letter(self, *, with_invalid: bool = False) -> Letter:
        return Letter(
            label=f"verify-{secrets.token_hex(8)}", envelope=Envelope.new(), with_invalid=with_invalid
        )

    def _wait_for_spacing(self) -> None:
        wait = self._last_accepted + self._waits.spacing - self._clock.monotonic()
        if wait > 0:
            self._tell(f"Waiting {wait:.0f} s, because operators limit the messages a minute to one number.")
            self._clock.sleep(wait)

    def _moment(self, *, at: float | None = None) -> float:
        """Return the gateway's time at a monotonic moment, or this machine's where it is not known."""
        at = self._clock.monotonic() if at is None else at
        theirs = self._probe.client.gateway_time(monotonic=at, product=self._probe.product)
        return self._clock.now() - self._clock.monotonic() + at if theirs is None else theirs


def _is_found(look: Look, watch: _Watch) -> bool:
    if look.found or watch.label in look.labels:
        return True
    # Where not every record was shown before, one that is new to us need not be new.
    before = watch.before
    return before is not None and before.complete and look.unlabelled > before.unlabelled


def _apart(look: Look, watch: _Watch) -> float | None:
    moment = look.moments.get(watch.label, look.moments.get(""))
    return None if moment is None else moment - watch.moment

# SPDX-License-Identifier: Apache-2.0
"""
Hold the whole state of one simulator.

Only the event loop of the simulator may use the state while it serves, so the state has no locks.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.memory.faults import Faults
from airflow_provider_aliyunsms.simulator.memory.inbox import Inbox
from airflow_provider_aliyunsms.simulator.memory.journal import Journal
from airflow_provider_aliyunsms.simulator.memory.nonces import Nonces
from airflow_provider_aliyunsms.simulator.memory.rates import RateLimit, WorstSecond
from airflow_provider_aliyunsms.simulator.memory.signatures import Signatures
from airflow_provider_aliyunsms.simulator.memory.templates import Templates
from airflow_provider_aliyunsms.simulator.numbers import MessageState, behaviour_of, state_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.simulator.memory.inbox import Draft, Message, Submission
    from airflow_provider_aliyunsms.simulator.options import Options


class State:
    """
    The state of one simulator: messages, nonces, faults, templates, signatures, rates, counts and options.

    With a journal, its messages and nonces are loaded first.

    :param options: the options at the start, which :meth:`reset` restores; ``options`` of the instance is a copy.
    :raises ConfigurationError: the journal cannot be read.
    """

    def __init__(self, options: Options) -> None:
        self._first_options = options
        self.options = replace(options)
        self.inbox = Inbox()
        self.nonces = Nonces()
        self.faults = Faults()
        self.templates = Templates()
        self.signatures = Signatures()
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.limits: defaultdict[str, RateLimit] = defaultdict(RateLimit)
        self.worst: defaultdict[str, WorstSecond] = defaultdict(WorstSecond)
        # Counts what the control API has changed, so that a page that shows it knows when to ask again.
        self.changes = 0
        self._journal = (
            None
            if options.journal is None
            else Journal(options.journal, inbox=self.inbox, nonces=self.nonces)
        )

    def now(self) -> float:
        """Return the gateway's time, in seconds since the epoch."""
        return time.time() + self.options.clock_offset

    def accept(self, submission: Submission, drafts: Sequence[Draft]) -> None:
        """Store the messages of one request, in the journal first."""
        # The order must stay: if the journal cannot be written, the call fails, and its messages must not be found.
        if self._journal is not None:
            self._journal.accepted(submission, drafts)
        self.inbox.accept(submission, drafts)

    def use_nonce(self, *, key_id: str, nonce: str) -> bool:
        """Record that a nonce is used; return False if it was used within the last 15 minutes."""
        # No await between the look-up and the entry: two requests with one nonce would both pass.
        now = self.now()
        if not self.options.refuses_nonces:
            return True
        if self.nonces.knows(key_id=key_id, nonce=nonce, now=now):
            return False
        if self._journal is not None:
            self._journal.nonce(key_id=key_id, nonce=nonce, at=now)
        self.nonces.add(key_id=key_id, nonce=nonce, at=now)
        return True

    @property
    def is_full(self) -> bool:
        """Whether messages and nonces take all the memory they may."""
        return self.inbox.size + self.nonces.size >= self.options.memory_limit * 1024 * 1024

    @property
    def has_too_many_nonces(self) -> bool:
        """Whether the nonces alone take all the memory; the oldest are forgotten after 15 minutes."""
        return self.nonces.size >= self.options.memory_limit * 1024 * 1024

    def outcome(self, message: Message) -> MessageState:
        """Return the delivery of a message as it is now, with the present delivery delay."""
        return state_at(
            number=message.number,
            accepted_at=message.submission.accepted_at,
            now=self.now(),
            delivery_delay=self.options.delivery_delay,
            carrier_error=message.carrier_error,
        )

    def receipt_in(self, message: Message) -> float | None:
        """Return the seconds until the carrier's receipt of a pending message, None when there is or will be none."""
        behaviour = behaviour_of(number=message.number, carrier_error=message.carrier_error)
        due = message.submission.accepted_at + self.options.delivery_delay * behaviour.slowness - self.now()
        return None if behaviour.err_code is None or due <= 0 else due

    def is_recorded(self, message: Message) -> bool:
        """Return whether queries find a message, which is so once it is older than the record lag."""
        return self.now() - message.submission.accepted_at >= self.options.record_lag

    def statistics(self) -> dict[str, object]:
        """Return counts of all requests, messages, refusals and faults since the start or the last reset."""
        return {
            "requests": dict(self.requests),
            "accepted": len(self.inbox),
            "refused": dict(self.refused),
            "distinct_numbers": self.inbox.distinct_numbers,
            "duplicates": self.inbox.surplus,
            "worst_second": {action: window.worst for action, window in self.worst.items()},
            "faults_played": dict(self.faults.played),
            "open_faults": self.faults.describe(),
        }

    def clear_messages(self) -> None:
        """Remove all messages, from the journal as well; nonces, counts, faults, definitions and options stay."""
        self.inbox.clear()
        if self._journal is not None:
            self._journal.clear()
            # The journal holds both: a nonce that was forgotten with the messages could be used again later.
            for key_id, nonce, at in self.nonces.all():
                self._journal.nonce(key_id=key_id, nonce=nonce, at=at)

    def reset(self) -> None:
        """Remove everything but the first options, and empty the journal."""
        for field in fields(self.options):
            setattr(self.options, field.name, getattr(self._first_options, field.name))
        for part in (self.inbox, self.nonces, self.faults, self.templates, self.signatures):
            part.clear()
        self.faults.forget_played()
        for counter in (self.requests, self.refused):
            counter.clear()
        self.limits.clear()
        self.worst.clear()
        if self._journal is not None:
            self._journal.clear()

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()

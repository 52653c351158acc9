# SPDX-License-Identifier: Apache-2.0
"""Hold what is known of a campaign before its first call, for the guards that judge it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.report import PartsCount
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.spool import ReceiptRun, Spool, SpoolCounts, SpoolRows
    from airflow_provider_aliyunsms.campaign.ledger import StoragePath
    from airflow_provider_aliyunsms.campaign.ports import (
        Delivery,
        Signature,
        StatusChannel,
        Template,
        VendorFacts,
    )
    from airflow_provider_aliyunsms.products import Product


class Surroundings(Protocol):
    """
    What guards may use of the deployment; implemented by the operators, because it needs Airflow.

    Every method may raise an :class:`~airflow_provider_aliyunsms.exceptions.AliyunSmsError`.
    """

    def open_binary(self, path: str) -> BinaryIO:
        """Open a file of any storage for reading."""
        ...

    def fingerprint(self, path: str) -> object:
        """Return something that changes when the file changes."""
        ...

    def storage_path(self, path: str) -> StoragePath:
        """Return a folder of any storage."""
        ...

    def query(self, sql: str, *, conn_id: str) -> Iterator[Block]:
        """Run one query and yield its rows, streamed, with the columns an audience has."""
        ...

    def sql_connection(self, conn_id: str) -> Any:
        """Return a new DB-API connection of the Airflow connection, not in autocommit mode, to be closed."""
        ...

    def variable(self, name: str) -> str | None:
        """Return the text of an Airflow Variable, None when there is none."""
        ...

    def last_run(self) -> Mapping[str, Any] | None:
        """Return the summary of this task in the latest earlier run that left one, None when there is none."""
        ...

    def xcom(self, *, task_id: str, key: str = "return_value") -> Any:
        """Return what another task of this run left as XCom, None when there is nothing."""
        ...


class NoSurroundings:
    """Refuse everything that needs Airflow, for campaigns that run without it."""

    def __getattr__(self, name: str) -> Any:
        """Return a function that raises an error."""

        def refuse(*_: object, **__: object) -> Any:
            raise ConfigurationError(f"this guard needs Airflow ({name})")

        return refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    Recipients that a guard holds back until later.

    :param count: how many.
    :param until: when they may be sent to; the earliest moment, where it differs.
    """

    count: int
    until: datetime


class Facts:
    """
    What is known of a campaign; guards read it, and leave recipients out or hold them back by it.

    Only the main thread uses it. Counting parts, and everything of :attr:`vendor`, is done when it is first asked
    for, once in a try.

    :param campaign_id: the identity of the campaign.
    :param product: the API.
    :param spool: the audience, with the outcomes of earlier tries.
    :param now: returns the time, in seconds since the epoch, by the gateway's clock where that is known.
    :param planned_at: when the run of the DAG was due; None where that is not known.
    :param template_code: China: the template.
    :param message: Globe: the text of the task, before variables are filled in.
    :param vendor: asks the vendor about templates and signatures; None where the API has no such queries.
    :param surroundings: what the deployment gives.
    :param dry_run: nothing will be sent: a guard must change nothing outside this object.
    :param resumed: an earlier try of this campaign may have sent to somebody.
    :param calls_per_second: the pace that will be kept at most; None for none.
    :param chunk_size: recipients of one call at most.
    :param secret: mixed into digests.
    :param status: asks for the delivery of accepted messages; None where nothing can be asked.
    """

    def __init__(
        self,
        *,
        campaign_id: str,
        product: Product,
        spool: Spool,
        now: Callable[[], float],
        planned_at: datetime | None = None,
        template_code: str | None = None,
        message: str | None = None,
        vendor: VendorFacts | None = None,
        surroundings: Surroundings | None = None,
        dry_run: bool = False,
        resumed: bool = False,
        calls_per_second: float | None = None,
        chunk_size: int = 100,
        secret: bytes = b"",
        status: StatusChannel | None = None,
    ) -> None:
        self.campaign_id = campaign_id
        self.product = product
        self.planned_at = planned_at
        self.template_code = template_code
        self.message = message
        self.vendor = vendor
        self.surroundings: Surroundings = NoSurroundings() if surroundings is None else surroundings
        self.dry_run = dry_run
        self.resumed = resumed
        self.calls_per_second = calls_per_second
        self.chunk_size = chunk_size
        self.secret = secret
        self._status = status
        self._spool = spool
        self._now = now
        self._held: list[Held] = []
        self._is_open = True
        self._signatures: dict[str, Signature | None] = {}

    @property
    def api(self) -> str:
        """The name of the API's send call."""
        return self.product.action

    @property
    def now(self) -> datetime:
        """The time, with the time zone UTC."""
        return datetime.fromtimestamp(self._now(), UTC)

    @property
    def counts(self) -> SpoolCounts:
        """The rows by outcome at this moment; ``pending`` are those who would be sent to now."""
        return self._spool.counts()

    @property
    def ready(self) -> int:
        """The number of rows that can be sent to, with or without an outcome so far, without the rejected ones."""
        return self._spool.ready

    @property
    def already(self) -> int:
        """The number of recipients that earlier tries of this campaign have sent to, or may have sent to."""
        counts = self.counts
        return counts.accepted + counts.unknown

    def pending(self) -> Iterator[SpoolRows]:
        """
        Yield everybody who would be sent to now, up to some thousands at a time.

        Costs a pass over the audience. :meth:`leave_out` and :meth:`hold` may be called in between, with the places
        of rows just yielded.
        """
        yield from self._spool.rows(pending=True)

    def rows(self) -> Iterator[SpoolRows]:
        """Yield all rows that can be sent to, up to some thousands at a time, with the outcome of each."""
        yield from self._spool.rows()

    def leave_out(self, places: Sequence[int], *, code: str) -> None:
        """
        Send nothing to these rows in this campaign; their receipts are ``skipped`` with this code.

        :param places: some of those that :meth:`pending` yielded last; those of others change nothing.
        :param code: a code of this package's own (``local.…``).
        :raises ConfigurationError: sending has begun.
        """
        self._check_open()
        self._spool.skip(places, code=code)

    def hold(self, places: Sequence[int], *, until: datetime, code: str) -> None:
        """
        Send nothing to these rows in this pass; afterwards the task waits, with its slot free, and judges them again.

        In a dry run they count as if they were sent to now.

        :param places: some of those that :meth:`pending` yielded last; those of others change nothing.
        :param until: when they may be sent to, with a time zone.
        :param code: a code of this package's own (``local.…``).
        :raises ConfigurationError: sending has begun.
        :raises ValueError: ``until`` has no time zone.
        """
        self._check_open()
        if until.tzinfo is None:
            msg = "recipients are held back until a moment with a time zone"
            raise ValueError(msg)
        if not self.dry_run and (count := self._spool.skip(places, code=code)):
            self._held.append(Held(count=count, until=until))

    def close(self) -> None:
        """Let nobody be left out or held back any more: from now on chunks are cut and sent."""
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise ConfigurationError(
                "recipients can be left out or held back before the first call only",
                advice="Call leave_out() and hold() in before_sending(); later, return wait_until() or fail().",
            )

    @property
    def held(self) -> Held | None:
        """Everybody who is held back, None for nobody."""
        if not self._held:
            return None
        return Held(
            count=sum(each.count for each in self._held), until=min(each.until for each in self._held)
        )

    def deliveries(self, numbers: Collection[str]) -> Iterator[Delivery]:
        """
        Ask for the delivery of every accepted message to some numbers.

        Costs a pass over the audience, and some free read calls for each message.

        :param numbers: canonical numbers; some hundreds, because each costs a call.
        :raises AliyunSmsError: a query failed, or there is nobody to ask.
        """
        from airflow_provider_aliyunsms.audience.spool import ACCEPTED

        if self._status is None:
            raise ConfigurationError("deliveries cannot be asked for here")
        for run in self._spool.receipts():
            if run.outcome != ACCEPTED:
                continue
            for position, number in enumerate(run.numbers):
                if number in numbers:
                    yield self._delivery(run, position=position)

    def last_accepted(self, numbers: Collection[str]) -> datetime | None:
        """
        Return when the last message to some numbers was accepted, None when none was.

        Costs a pass over the audience.

        :param numbers: canonical numbers.
        """
        from airflow_provider_aliyunsms.audience.spool import ACCEPTED
        from airflow_provider_aliyunsms.campaign.clock import parse_stamp

        last = max(
            (
                run.time
                for run in self._spool.receipts()
                if run.outcome == ACCEPTED and run.time and any(number in numbers for number in run.numbers)
            ),
            default=None,
        )
        return None if last is None else datetime.fromtimestamp(parse_stamp(last), UTC)

    def _delivery(self, run: ReceiptRun, *, position: int) -> Delivery:
        from airflow_provider_aliyunsms.campaign.clock import parse_stamp
        from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate, Tracked

        message_id = run.message_ids[position] if run.message_ids else None
        if self._status is None or (self.product is GLOBE and message_id is None):
            # The gateway did not name it, so nobody can ask for it.
            return Delivery(Fate.PENDING, "")
        return self._status.status(
            message=Tracked(
                number=run.numbers[position],
                out_id=run.out_id or "",
                biz_id=run.biz_id,
                message_id=message_id,
                accepted_at=parse_stamp(run.time) if run.time else self._now(),
            )
        )

    @cached_property
    def template(self) -> Template | None:
        """
        The template as the vendor has it; None where the API has none, or the vendor does not know it.

        Costs one free read call, once in a try.

        :raises AliyunSmsError: the vendor cannot be asked.
        """
        if self.vendor is None or not self.template_code:
            return None
        return self.vendor.template(code=self.template_code)

    def signature(self, name: str) -> Signature | None:
        """
        Return a signature as the vendor has it; None when it does not know it.

        Costs one free read call, once in a try for each signature.

        :raises AliyunSmsError: the vendor cannot be asked.
        """
        if name not in self._signatures:
            self._signatures[name] = None if self.vendor is None else self.vendor.signature(name=name)
        return self._signatures[name]

    def parts(self) -> PartsCount | None:
        """
        Return the billing parts of everybody who would be sent to now; None where the texts are not known.

        Costs a pass over the audience, and for China one free read call, for the text of the template.

        :raises AliyunSmsError: the vendor cannot be asked for it.
        """
        from airflow_provider_aliyunsms.audience.report import PartsCount

        if self.product is GLOBE:
            count = PartsCount()
        else:
            template = self.template
            if template is None or not template.text:
                return None
            count = PartsCount(text=template.text)
        for rows in self.pending():
            for content in rows.members.contents:
                count.add(content)
        return count

    @property
    def known_template(self) -> Template | None:
        """The :attr:`template`, if it was asked for already; None otherwise. Costs nothing."""
        return self.__dict__.get("template")

    def digest(self) -> str:
        """
        Return a hash of audience and texts: whoever gets something else, or is somebody else, changes it.

        Unlike the ``digest`` of the summary it does not depend on the campaign. Of three parts, divided by points:
        template code and message of the task; the template's text, ``-`` while it is not known; numbers and contents
        of all rows that can be sent to, in their order. Costs a pass over the audience.
        """
        task = self._hash()
        for text in (self.api, self.template_code or "", self.message or ""):
            task.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        people = self._hash()
        for rows in self.rows():
            # Neither has a line end in it.
            for column in (rows.members.numbers, rows.members.contents):
                people.update("\n".join((*column, "")).encode("utf-8", "surrogatepass"))
        text = "-"
        if self.known_template is not None:
            template = self._hash()
            template.update(self.known_template.text.encode("utf-8", "surrogatepass"))
            text = template.hexdigest()
        return f"{task.hexdigest()}.{text}.{people.hexdigest()}"

    def _hash(self) -> hashlib.blake2b:
        return hashlib.blake2b(digest_size=8, key=self.secret[:64])

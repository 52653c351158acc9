# SPDX-License-Identifier: Apache-2.0
"""Hold what is known of a campaign before its first call, for the guards that judge it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.report import PartsCount
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.spool import ReceiptRun, Spool, SpoolCounts, SpoolRows
    from airflow_provider_aliyunsms.campaign.groups import Groups
    from airflow_provider_aliyunsms.campaign.ledger import StoragePath
    from airflow_provider_aliyunsms.campaign.ports import (
        Delivery,
        Signature,
        StatusChannel,
        Template,
        VendorFacts,
    )
    from airflow_provider_aliyunsms.products import Product


Share = Literal["pending", "already", "all"]
_SENT = frozenset({"accepted", "unknown"})


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
    :param groups: the groups of a split, with what each gets; None where all get the same.
    :param vendor: asks the vendor about templates and signatures; None where the API has no such queries.
    :param surroundings: what the deployment gives.
    :param dry_run: nothing will be sent: a guard must change nothing outside this object.
    :param resumed: an earlier try of this campaign may have sent to somebody.
    :param calls_per_second: the pace that will be kept at most; None for none.
    :param chunk_size: recipients of one call at most.
    :param secret: mixed into digests.
    :param status: asks for the delivery of accepted messages; None where nothing can be asked.
    :param ledger_name: tells the ledger from every other one: what another ledger has sent, a campaign with the same
        id does not know of. By default the campaign id.
    :param can_wait: the ledger outlives the process, so that a guard may let the campaign wait in the middle.
    :ivar notes: what guards keep from one question to the next of the same try, each under a key of its own, such as
        itself; guards are frozen.
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
        groups: Groups | None = None,
        vendor: VendorFacts | None = None,
        surroundings: Surroundings | None = None,
        dry_run: bool = False,
        resumed: bool = False,
        calls_per_second: float | None = None,
        chunk_size: int = 100,
        secret: bytes = b"",
        status: StatusChannel | None = None,
        ledger_name: str | None = None,
        can_wait: bool = True,
    ) -> None:
        self.campaign_id = campaign_id
        self.ledger_name = campaign_id if ledger_name is None else ledger_name
        self.product = product
        self.planned_at = planned_at
        self.template_code = template_code
        self.message = message
        self.vendor = vendor
        self.surroundings: Surroundings = NoSurroundings() if surroundings is None else surroundings
        self.dry_run = dry_run
        self.can_wait = can_wait
        self.resumed = resumed
        self.calls_per_second = calls_per_second
        self.chunk_size = chunk_size
        self.secret = secret
        self._status = status
        self._groups = groups
        self._spool = spool
        self._now = now
        self.notes: dict[Hashable, Any] = {}
        self._held: list[Held] = []
        self._held_codes: set[str] = set()
        self._counted: dict[Share, tuple[SpoolCounts, PartsCount]] = {}
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

        Does nothing in a dry run, which tells of the whole campaign.

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
            self._held_codes.add(code)

    def close(self) -> None:
        """Refuse from now on to leave recipients out or hold them back, because chunks are cut and sent."""
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise ConfigurationError(
                "recipients can be left out or held back before the first call only",
                advice="Call leave_out() and hold() in before_sending(); later, return wait_until() or fail().",
            )

    @property
    def held(self) -> Held | None:
        """Return how many recipients are held back, and until when; None for nobody."""
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

    @property
    def template_codes(self) -> tuple[str, ...]:
        """China: the templates that are sent, several of them with a split; Globe: none."""
        if self.product is GLOBE:
            return ()
        codes = (self.template_code,) if self._groups is None else self._groups.texts.values()
        return tuple(dict.fromkeys(code for code in codes if code))

    @cached_property
    def templates(self) -> Mapping[str, Template | None]:
        """
        The templates by their codes, as the vendor has them; None for one that it does not know.

        Empty where the API has none. Costs one free read call for each, once in a try.

        :raises AliyunSmsError: the vendor cannot be asked.
        """
        if self.vendor is None:
            return {}
        return {code: self.vendor.template(code=code) for code in self.template_codes}

    @property
    def template(self) -> Template | None:
        """The template as in :attr:`templates`; None where there is none, or several."""
        found = [*self.templates.values()]
        return found[0] if len(found) == 1 else None

    @property
    def known_templates(self) -> Mapping[str, Template | None]:
        """The :attr:`templates`, if they were asked for already; empty otherwise. Costs nothing."""
        known: Mapping[str, Template | None] = self.__dict__.get("templates", {})
        return known

    def known_text(self, number: str) -> str | None:
        """Return the text of the template that a number gets, if it is known already; None otherwise."""
        code = (self.template_code or "") if self._groups is None else self._groups.text_or_any(number)
        template = self.known_templates.get(code)
        return None if template is None else template.text

    def signature(self, name: str) -> Signature | None:
        """
        Return a signature as the vendor has it; None when it does not know it.

        Costs one free read call, once in a try for each signature.

        :raises AliyunSmsError: the vendor cannot be asked.
        """
        if name not in self._signatures:
            self._signatures[name] = None if self.vendor is None else self.vendor.signature(name=name)
        return self._signatures[name]

    @property
    def message_count(self) -> int:
        """The number of messages of the whole campaign: already sent, to be sent now, and held back until later."""
        held = self.held
        return self.already + self.counts.pending + (0 if held is None else held.count)

    def parts(self, *, of: Share = "pending", group: Callable[[str], str] | None = None) -> PartsCount | None:
        """
        Return the billing parts of a share of the campaign; None where the texts are not known.

        Costs a pass over the audience, and for China one free read call, for the text of the template. Without a
        group it costs nothing a second time, while no outcome changes. Of recipients who left the audience since an
        earlier try, the text is not known, and they are not counted.

        :param of: ``pending`` for everybody who would be sent to now; ``already`` for those whom earlier tries, or
            this one, have sent to or may have sent to; ``all`` for both, and those who are held back until later.
        :param group: returns the name of a number's group; ``by_group`` of the result has the parts of each then.
        :returns: the counts; do not change them.
        :raises AliyunSmsError: the vendor cannot be asked for it.
        """
        counts = self.counts
        if group is None and of in self._counted and self._counted[of][0] == counts:
            return self._counted[of][1]
        by_text = self._empty_counts()
        if by_text is None:
            return None
        for numbers, contents in self._share(of):
            if len(by_text) == 1 and group is None:
                next(iter(by_text.values())).add_all(contents)
                continue
            for number, content, count in zip(
                numbers, contents, self._counts_for(numbers, by_text), strict=True
            ):
                count.add(content, group=None if group is None else group(number))
        first, *others = {id(each): each for each in by_text.values()}.values()
        for other in others:
            first.take_in(other)
        if group is None:
            self._counted[of] = counts, first
        return first

    def _empty_counts(self) -> dict[str, PartsCount] | None:
        """Return an empty count for each group that gets something; None where a text is not known."""
        from airflow_provider_aliyunsms.audience.report import PartsCount

        groups = {"": self.template_code or ""} if self._groups is None else self._groups.texts
        if self.product is GLOBE:
            # The texts are in the rows.
            return dict.fromkeys(groups, PartsCount())
        found: dict[str, PartsCount] = {}
        for name, code in groups.items():
            template = self.templates.get(code)
            if template is None or not template.text:
                return None
            found[name] = PartsCount(text=template.text)
        return found

    def _counts_for(self, numbers: Sequence[str], by_text: Mapping[str, PartsCount]) -> Iterable[PartsCount]:
        if len(by_text) == 1:
            return repeat(next(iter(by_text.values())), len(numbers))
        names = [] if self._groups is None else self._groups.of(numbers)
        # Those of a group that gets nothing are not in the share, unless an earlier try with another split sent to
        # them; any text is better than none for these.
        some = next(iter(by_text.values()))
        return [by_text.get(name, some) for name in names]

    def _share(self, of: Share) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        """Yield numbers and contents of a share, page by page."""
        if of == "pending" or (of == "all" and not self.already and not self._held_codes):
            for rows in self.pending():
                yield rows.members.numbers, rows.members.contents
            return
        outcomes = _SENT if of == "already" else _SENT | {"pending"}
        held = set() if of == "already" else self._held_codes
        for rows in self.rows():
            wanted = [
                outcome in outcomes or (outcome == "skipped" and code in held)
                for outcome, code in zip(rows.outcomes, rows.codes, strict=True)
            ]
            yield [*compress(rows.members.numbers, wanted)], [*compress(rows.members.contents, wanted)]

    def digest(self) -> str:
        """
        Return a hash of audience and texts: whoever gets something else, or is somebody else, changes it.

        Unlike the ``digest`` of the summary it does not depend on the campaign. Of three parts, divided by points:
        template code and message of the task; the template's text, ``-`` while it is not known; numbers and contents
        of all rows that can be sent to, in their order. Costs a pass over the audience.
        """
        task = self._hash()
        split = "" if self._groups is None else self._groups.fingerprint()
        for text in (self.api, self.template_code or "", self.message or "", split):
            task.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        people = self._hash()
        for rows in self.rows():
            # Neither has a line end in it.
            for column in (rows.members.numbers, rows.members.contents):
                people.update("\n".join((*column, "")).encode("utf-8", "surrogatepass"))
        text = "-"
        if self.known_templates:
            hashed = self._hash()
            for code, template in sorted(self.known_templates.items()):
                hashed.update(
                    f"{code}:{'' if template is None else template.text}".encode("utf-8", "surrogatepass")
                )
            text = hashed.hexdigest()
        return f"{task.hexdigest()}.{text}.{people.hexdigest()}"

    def _hash(self) -> hashlib.blake2b:
        return hashlib.blake2b(digest_size=8, key=self.secret[:64])

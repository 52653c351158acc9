# SPDX-License-Identifier: Apache-2.0
"""
Keep claims in two tables of a SQL database: SQLite, PostgreSQL, MySQL or MariaDB.

Every transaction begins with a change of one row, which all processes wait for. What is read after it was committed
before it, in each of these databases and at the isolation level each of them has by default. Values stand in the
statements as integers of our own making, because the drivers differ in how they take parameters.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_aliyunsms.campaign.guards.claims.records import (
    DAY_MS,
    LONGEST_TRY_MS,
    SLACK_MS,
    Decided,
    Grant,
    Limit,
    Record,
    Want,
    after_claim,
    after_settlement,
    decide,
)
from airflow_provider_aliyunsms.campaign.guards.claims.subjects import check_secret, without_ledger
from airflow_provider_aliyunsms.exceptions import ClaimsError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_DIALECTS: Final = {
    "sqlite3": "sqlite",
    "psycopg": "postgres",
    "psycopg2": "postgres",
    "MySQLdb": "mysql",
    "pymysql": "mysql",
    "mysql": "mysql",
}
"""Which language a driver's connection speaks, by the name of the driver's package."""

_AT_ONCE: Final = {"sqlite": 500, "postgres": 5000, "mysql": 5000}
"""
Values of one statement: MySQL gives up its index for too many.

Python's driver of SQLite keeps the last 128 statements, whose memory grows with their values.
"""

_CACHE_KB: Final = 32_000
"""Memory for SQLite's pages."""

_PATIENCE_MS: Final = 60_000
"""How long SQLite waits for another process; the servers have settings of their own."""

_ADVICE: Final = (
    "Check that the database of the guard's store can be reached and written, then clear the task: it resumes, and "
    "replaces its own claims."
)


class SqlClaims:
    """
    Claims in the tables ``<prefix>claims`` and ``<prefix>claims_lock``, which are made when they are missing.

    One transaction for each call; processes wait for each other for its length, a second at most for 20 000
    subjects. A process that is killed leaves nothing half done: the database takes its transaction back. One table
    row for each subject and campaign, about 60 bytes; those that are over are deleted once a day.

    :param connect: opens a new DB-API connection, not in autocommit mode.
    :param prefix: of the names of the tables; an identifier in small letters.
    :param campaign: hash of the campaign.
    :param began_ms: when this try began to claim, in milliseconds since the epoch; all its claims have this time.
    :param keep_ms: the longest window of the guard; the longest that a store has seen is what it keeps.
    :param secret: hash of the secret.
    :param look_only: write nothing, and make no tables.
    :raises ConfigurationError: the connection is of another database.
    :raises ClaimsError: the database cannot be used, or its counts were made with another secret.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Any],
        prefix: str,
        campaign: int,
        began_ms: int,
        keep_ms: int,
        secret: int,
        look_only: bool,
    ) -> None:
        self._table, self._lock = f"{prefix}claims", f"{prefix}claims_lock"
        self._campaign = without_ledger(campaign) if look_only else campaign
        self._began_ms = began_ms
        self._keep_ms, self._secret, self._look_only = keep_ms, secret, look_only
        with _explained("reached"):
            self._db = connect()
        try:
            self._dialect = _dialect_of(self._db)
            with _explained("used"):
                self._at_once = _AT_ONCE[self._dialect]
                if self._dialect == "sqlite":
                    self._run(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
                    self._run(f"PRAGMA cache_size = -{_CACHE_KB}")
                self._is_there = self._prepare()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def claim(self, wants: Sequence[Want], *, limits: Sequence[Limit], whole: bool = False) -> list[Grant]:
        """Claim in one transaction, see :class:`.Claims`."""
        subjects = [want.subject for want in wants]

        def decided(records: Mapping[int, Sequence[Record]]) -> Decided:
            return decide(
                wants,
                records=records,
                campaign=self._campaign,
                at_ms=self._began_ms,
                limits=limits,
                whole=whole,
            )

        if self._look_only:
            with _explained("read"):
                found = self._records(subjects) if self._is_there else {}
                self._db.rollback()
            return decided(found).grants
        with self._transaction():
            records = self._records(subjects)
            answer = decided(records)
            before = self._owned(records)
            known: dict[tuple[Record | None, int], Record] = {}
            changed = {}
            for subject, amount in answer.writes.items():
                key = (before.get(subject), amount)
                if key not in known:
                    known[key] = after_claim(
                        key[0], campaign=self._campaign, amount=amount, at_ms=self._began_ms
                    )
                changed[subject] = known[key]
            self._write(changed, before=before)
        return answer.grants

    def settle(self, amounts: Sequence[tuple[int, int]], *, at_ms: int) -> None:
        """Settle in one transaction, see :class:`.Claims`."""
        with self._transaction():
            before = self._owned(self._records([subject for subject, _ in amounts]))
            known: dict[tuple[Record | None, int], Record | None] = {}
            changed = {}
            for subject, amount in amounts:
                own = before.get(subject)
                key = (own, amount)
                if key not in known:
                    known[key] = after_settlement(
                        own,
                        campaign=self._campaign,
                        amount=amount,
                        at_ms=at_ms,
                        claimed_ms=self._began_ms,
                    )
                after = known[key]
                if after is not None and after is not own and after != own:
                    changed[subject] = after
            self._write(changed, before=before)

    def own(self, subjects: Sequence[int]) -> dict[int, Record]:
        """Return the campaign's own claims, see :class:`.Claims`."""
        if not self._is_there:
            return {}
        with _explained("read"):
            found = self._records(subjects)
            self._db.rollback()
        return self._owned(found)

    def finish(self) -> None:
        """Do nothing: what was committed stands."""

    def _owned(self, records: Mapping[int, Sequence[Record]]) -> dict[int, Record]:
        campaign = self._campaign
        return {
            subject: record for subject, some in records.items() for record in some if record[0] == campaign
        }

    def _records(self, subjects: Sequence[int]) -> dict[int, list[Record]]:
        found: dict[int, list[Record]] = {}
        for some in self._parts(subjects):
            rows = self._run(
                f"SELECT subject, campaign, amount, at_ms, settled FROM {self._table} "  # noqa: S608
                f"WHERE subject IN ({_list(some)})"
            )
            for subject, campaign, amount, at_ms, settled in rows:
                whose = without_ledger(int(campaign)) if self._look_only else int(campaign)
                record = Record(whose, int(amount), int(at_ms), bool(settled))
                found.setdefault(int(subject), []).append(record)
        return found

    def _write(self, changed: Mapping[int, Record], *, before: Mapping[int, Record]) -> None:
        new: list[str] = []
        groups: dict[Record, list[int]] = {}
        for subject, record in changed.items():
            if subject not in before:
                new.append(
                    f"({subject},{record.campaign},{record.amount},{record.at_ms},{int(record.settled)})"
                )
            else:
                # Most of them get the same amount at the same time.
                groups.setdefault(record, []).append(subject)
        for rows in self._parts(new):
            self._run(
                f"INSERT INTO {self._table} (subject, campaign, amount, at_ms, settled) "  # noqa: S608
                f"VALUES {','.join(rows)}"
            )
        for record, subjects in groups.items():
            for some in self._parts(subjects):
                self._run(
                    f"UPDATE {self._table} SET amount = {record.amount}, at_ms = {record.at_ms}, "  # noqa: S608
                    f"settled = {int(record.settled)} "
                    f"WHERE campaign = {record.campaign} AND subject IN ({_list(some)})"
                )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._look_only:
            msg = "a dry run writes no claims"
            raise RuntimeError(msg)
        with _explained("written"):
            try:
                # Ends what the driver may have begun: in MySQL a transaction that has read sees nothing newer.
                self._db.rollback()
                self._take_turn()
                yield
                self._db.commit()
            except BaseException:
                # Of two errors the first one says what was wrong; the server takes back what a lost connection began.
                with suppress(Exception):
                    self._db.rollback()
                raise

    def _take_turn(self) -> None:
        """Wait for all other processes, and let them wait until the transaction ends."""
        cursor = self._db.cursor()
        try:
            cursor.execute(
                f"UPDATE {self._lock} SET turn = turn + 1, "  # noqa: S608
                f"keep_ms = CASE WHEN keep_ms < {self._keep_ms} THEN {self._keep_ms} ELSE keep_ms END "
                "WHERE id = 1"
            )
            changed = cursor.rowcount
        finally:
            cursor.close()
        if changed != 1:
            raise ClaimsError("the row that guards the claims is missing in the database", advice=_ADVICE)
        if _commits_itself(self._db):
            raise ClaimsError(
                "the connection commits every statement by itself, so two campaigns could claim the same",
                advice="Take autocommit out of the Airflow connection of the store.",
            )
        self._delete_old()

    def _delete_old(self) -> None:
        ((keep_ms, cleaned_ms, secret),) = self._run(
            f"SELECT keep_ms, cleaned_ms, secret FROM {self._lock} WHERE id = 1"  # noqa: S608
        )
        check_secret(int(secret), own=self._secret)
        if self._began_ms < int(cleaned_ms) + DAY_MS:
            return
        until = self._began_ms - int(keep_ms) - LONGEST_TRY_MS - SLACK_MS
        self._run(f"DELETE FROM {self._table} WHERE at_ms < {until}")  # noqa: S608
        self._run(f"UPDATE {self._lock} SET cleaned_ms = {self._began_ms} WHERE id = 1")  # noqa: S608

    def _prepare(self) -> bool:
        """Make the tables where they are missing; return whether they are there."""
        # The lock first, because it is made last: where it is, the claims were made before.
        there = {name for name in (self._lock, self._table) if self._has(name)}
        if self._lock in there and self._table not in there:
            raise ClaimsError(f"the table {self._table} is missing beside {self._lock}", advice=_ADVICE)
        rows = (
            self._run(f"SELECT secret FROM {self._lock} WHERE id = 1")  # noqa: S608
            if self._lock in there
            else []
        )
        self._db.rollback()
        if rows:
            check_secret(int(rows[0][0]), own=self._secret)
            return True
        if self._look_only:
            return False
        self._make()
        return True

    def _has(self, table: str) -> bool:
        if self._dialect == "sqlite":
            query = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{table}'"  # noqa: S608
        else:
            here = "DATABASE()" if self._dialect == "mysql" else "ANY (CURRENT_SCHEMAS(FALSE))"
            query = (
                "SELECT 1 FROM information_schema.tables "  # noqa: S608
                f"WHERE table_name = '{table}' AND table_schema = {here}"
            )
        return bool(self._run(query))

    def _make(self) -> None:
        engine = " ENGINE=InnoDB" if self._dialect == "mysql" else ""
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {self._table} (subject BIGINT NOT NULL, campaign BIGINT NOT NULL, "
            "amount BIGINT NOT NULL, at_ms BIGINT NOT NULL, settled SMALLINT NOT NULL, "
            f"PRIMARY KEY (subject, campaign)){engine}",
            f"CREATE TABLE IF NOT EXISTS {self._lock} (id INTEGER NOT NULL PRIMARY KEY, turn BIGINT NOT NULL, "
            f"keep_ms BIGINT NOT NULL, cleaned_ms BIGINT NOT NULL, secret BIGINT NOT NULL){engine}",
            f"INSERT INTO {self._lock} (id, turn, keep_ms, cleaned_ms, secret) "  # noqa: S608
            f"VALUES (1, 0, 0, {self._began_ms}, {self._secret})",
        ):
            try:
                self._run(statement)
                self._db.commit()
            # Every driver has its own tree of errors. Another process may have made it meanwhile: what counts is
            # that the row can be changed, which the first transaction finds out.
            except Exception:
                self._db.rollback()
                if not (self._has(self._lock) or self._has(self._table)):
                    raise
                self._db.rollback()

    def _parts(self, values: Sequence[Any]) -> Iterator[Sequence[Any]]:
        for start in range(0, len(values), self._at_once):
            yield values[start : start + self._at_once]

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self._db.cursor()
        try:
            cursor.execute(statement)
            return [*cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    def _close(self) -> None:
        # After an error some drivers cannot even close. What was committed stands.
        with suppress(Exception):
            self._db.close()


def _dialect_of(connection: Any) -> str:
    driver = type(connection).__module__.partition(".")[0]
    for base in type(connection).__mro__:
        driver = base.__module__.partition(".")[0]
        if driver in _DIALECTS:
            return _DIALECTS[driver]
    raise ConfigurationError(
        f"claims cannot be kept in a database of the driver {type(connection).__module__.partition('.')[0]}",
        advice="Name a connection to SQLite, PostgreSQL, MySQL or MariaDB, or a folder.",
    )


def _commits_itself(connection: Any) -> bool:
    """Return whether the transaction that was just begun is over already."""
    if hasattr(connection, "in_transaction"):
        return not connection.in_transaction
    asked = getattr(connection, "get_autocommit", None) or getattr(connection, "autocommit", False)
    return bool(asked() if callable(asked) else asked)


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


@contextmanager
def _explained(done: str) -> Iterator[None]:
    try:
        yield
    except (ClaimsError, ConfigurationError):
        raise
    # Every driver has its own tree of errors, and none of them may be taken for "no claims".
    except Exception as error:
        raise ClaimsError(
            f"the database of the claims could not be {done} ({type(error).__name__})", advice=_ADVICE
        ) from error

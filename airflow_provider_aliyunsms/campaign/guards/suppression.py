# SPDX-License-Identifier: Apache-2.0
"""Leave out the numbers of a list of people never to send to, and add those to it whom carriers report."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict, fail, go
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, AudienceError, ConfigurationError
from airflow_provider_aliyunsms.parameter_checks import check_mapping, check_texts, check_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.audience.number_lists import BadRows, NumberSet
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber

_ADVICE = "Nothing was sent now. Put the list right, then clear the task."


@dataclass(frozen=True, repr=False)
class Suppress:
    """
    Send nothing to the numbers of a list; their receipts are ``skipped`` with the code ``local.SUPPRESSED``.

    The list is read in each try, by the same rules as an audience: all spellings of a number are that number. Columns
    other than that of the number are not looked at. Costs a pass over the list and one over the audience; both take
    time, and disk in the temporary directory, but no memory that grows with them. No API call.

    Fails where the list cannot be read, where a row of it is no number, and where it is empty: an opt-out that is
    missing from a list does not mean that nobody has opted out.

    With ``learned``, numbers are also left out that the gateway refused, or carriers reported, as opted out or
    blacklisted. After each try the guard adds those that the gateway refused in it. The codes of carriers come later:
    give the same folder to the delivery sensor as ``suppress_into``. A folder that does not exist yet is no fault:
    those numbers are still blocked where the code came from.

    :param source: the path or URI of a file of any format that an audience may have, or a list of numbers. Only
        the number of its items is shown of a list; a file keeps numbers out of the DAG's code. Example:
        ``"s3://crm@bucket/opted_out.csv"``.
    :param sql: instead of it, one query that returns the column ``phone_number`` (Globe: or ``to``). Example:
        ``"SELECT phone_number FROM opted_out"``.
    :param conn_id: the Airflow connection for the query. Example: ``"crm"``.
    :param variable: instead of it, the name of an Airflow Variable: a JSON list of numbers, or one in each line.
        Example: ``"opted_out"``.
    :param learned: a folder for numbers that are learned, on a local disk or any fsspec storage. Its files hold
        phone numbers: on a local disk only their owner can read them, a bucket needs rules of its own. Example:
        ``"s3://crm@bucket/learned"``.
    :param bad_rows: ``fail``, or ``ignore`` to pass over the rows that cannot be read as a number; these people
        may be sent to then. Example: ``"ignore"``.
    :param may_be_empty: an empty list is no mistake. Example: ``True``.
    :param column_mapping: maps the columns of the source to ``phone_number`` and ``phone_region``, as that of the
        operators. Example: ``{"mobile": "phone_number"}``.
    :param encoding: the encoding of a text file that is not UTF-8. Example: ``"gb18030"``.
    :param phone_region: the region of numbers without ``+`` or ``00``. Example: ``"HK"``.
    :param international: China: such numbers may have their country code first. Example: ``True``.
    :raises ConfigurationError: not exactly one source, or none and no ``learned``, or a field is empty text.

    ``source``, ``sql``, ``conn_id``, ``variable`` and ``learned`` are templated.
    """

    template_fields: ClassVar = ("source", "sql", "conn_id", "variable", "learned")

    source: Any = field(default=None)
    sql: str | None = field(default=None, kw_only=True)
    conn_id: str | None = field(default=None, kw_only=True)
    variable: str | None = field(default=None, kw_only=True)
    learned: str | None = field(default=None, kw_only=True)
    bad_rows: Literal["fail", "ignore"] = field(default="fail", kw_only=True)
    may_be_empty: bool = field(default=False, kw_only=True)
    column_mapping: Mapping[str, str | None] | None = field(default=None, kw_only=True)
    encoding: str | None = field(default=None, kw_only=True)
    phone_region: str | None = field(default=None, kw_only=True)
    international: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("sql", "conn_id", "variable", "learned"):
            text = getattr(self, name)
            # A template that gave nothing must not mean that there is no list.
            if isinstance(text, str) and text.strip() in ("", "None"):
                raise ConfigurationError(
                    f"{name} of Suppress is empty", advice="Correct it, or its template."
                )
        given = [each for each in (self.source, self.sql, self.variable) if each is not None]
        if len(given) > 1 or not (given or self.learned):
            raise ConfigurationError(
                "Suppress needs one list: a source, a query (sql) or a variable", advice="Give exactly one."
            )
        if (self.sql is None) != (self.conn_id is None):
            raise ConfigurationError("sql and conn_id of Suppress go together")
        check_word("bad_rows", self.bad_rows, words=("fail", "ignore"))
        check_mapping("column_mapping", self.column_mapping)
        check_texts(
            sql=self.sql,
            conn_id=self.conn_id,
            variable=self.variable,
            learned=self.learned,
            encoding=self.encoding,
            phone_region=self.phone_region,
        )
        if self.source is not None:
            object.__setattr__(self, "source", _checked(self.source))

    def __repr__(self) -> str:
        if isinstance(self.source, tuple):
            what = f"<{len(self.source)} numbers>"
        elif self.source is not None:
            what = repr(self.source) if isinstance(self.source, str) else f"<{type(self.source).__name__}>"
        elif self.sql is not None:
            what = f"sql=<query>, conn_id={self.conn_id!r}"
        else:
            what = "" if self.variable is None else f"variable={self.variable!r}"
        return f"Suppress({', '.join(filter(None, (what, self.learned and f'learned={self.learned!r}')))})"

    def before_sending(self, facts: Facts) -> Verdict:
        """Leave out everybody who is on the list, see the class."""
        from airflow_provider_aliyunsms.audience.number_lists import BadRows, NumberSet

        bad = BadRows()
        try:
            with NumberSet() as listed:
                self._read(facts, listed, bad)
                own = len(listed)
                self._read_learned(facts, listed)
                verdict = self._unfit(own=own, bad=bad)
                if verdict is not None:
                    return verdict
                suppressed = _leave_out(facts, listed)
                return go(
                    f"{suppressed} recipients are left out: {own} numbers are on the list"
                    + (f", {len(listed) - own} more were learned" if self.learned else ""),
                    suppressed=suppressed,
                    listed=own,
                    learned=len(listed) - own,
                    bad_rows=bad.count,
                )
        except AliyunSmsError as error:
            return fail(
                f"the list of numbers never to send to cannot be read: {error.message}",
                advice=error.advice or _ADVICE,
                may_change=not isinstance(error, ConfigurationError),
            )

    def after_sending(self, facts: Facts) -> None:
        """Add the numbers that the gateway refused as opted out or blacklisted to ``learned``."""
        from airflow_provider_aliyunsms.campaign.learned_numbers import MOST_IN_FILE, LearnedNumbers

        if self.learned is None or facts.dry_run:
            return
        folder = LearnedNumbers(facts.surroundings.storage_path(self.learned), secret=facts.secret)
        found: list[LearnedNumber] = []
        for some in _refused(facts):
            found += some
            if len(found) >= MOST_IN_FILE:
                folder.add(found)
                found = []
        folder.add(found)

    def _unfit(self, *, own: int, bad: BadRows) -> Verdict | None:
        if bad.count and self.bad_rows == "fail":
            return fail(
                f"{bad.count} rows of the list of numbers never to send to are no number: "
                + "; ".join(bad.first),
                advice='Correct them, or set bad_rows="ignore": these people may be sent to then.',
                may_change=True,
                bad_rows=bad.count,
            )
        names_list = not (self.source is None and self.sql is None and self.variable is None)
        if names_list and not own and not self.may_be_empty:
            return fail(
                "the list of numbers never to send to is empty",
                advice="Look at the step that writes it; if nobody is on it, set may_be_empty=True.",
                may_change=True,
            )
        return None

    def _read(self, facts: Facts, listed: NumberSet, bad: BadRows) -> None:
        from airflow_provider_aliyunsms.audience.number_lists import numbers_of

        blocks = self._blocks(facts)
        if blocks is None:
            return
        for numbers in numbers_of(
            blocks,
            product=facts.product,
            bad=bad,
            phone_region=self.phone_region,
            international=self.international,
        ):
            listed.add(numbers)

    def _blocks(self, facts: Facts) -> Iterator[Block] | None:
        if self.sql is not None:
            return facts.surroundings.query(self.sql, conn_id=str(self.conn_id))
        rows = self.source if self.variable is None else _variable_rows(facts, self.variable)
        return None if rows is None else self._rows(facts, rows, encoding=self.encoding)

    def _rows(self, facts: Facts, source: Any, *, encoding: str | None = None) -> Iterator[Block]:
        from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks

        return read_blocks(
            source,
            open_binary=facts.surroundings.open_binary,
            fingerprint=facts.surroundings.fingerprint,
            number_field=facts.product.number_field,
            columns=Columns(self.column_mapping),
            encoding=encoding,
        )

    def _read_learned(self, facts: Facts, listed: NumberSet) -> None:
        from airflow_provider_aliyunsms.audience.number_lists import BadRows, numbers_of
        from airflow_provider_aliyunsms.audience.sources import read_blocks
        from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumbers

        if self.learned is None:
            return
        bad = BadRows()
        for path in LearnedNumbers(facts.surroundings.storage_path(self.learned)).paths():
            blocks = read_blocks(
                path,
                open_binary=facts.surroundings.open_binary,
                fingerprint=facts.surroundings.fingerprint,
                number_field=facts.product.number_field,
            )
            for numbers in numbers_of(blocks, product=facts.product, bad=bad):
                listed.add(numbers)
        if bad.count:
            raise AudienceError(
                f"{bad.count} rows of the learned numbers are no number: {'; '.join(bad.first)}",
                advice="Nothing was sent now. Only this package writes into that folder: take other files out of it.",
            )


def _checked(source: Any) -> Any:
    if isinstance(source, str):
        # A text of numbers would stand in the repr, and in the log with it.
        is_path = any(map(str.isalpha, source)) and source.strip() != "None"
        if source.lstrip().startswith("[") or not is_path:
            raise ConfigurationError(
                "the source of Suppress is a text that is no path", advice="Give a list."
            )
        return source
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    if hasattr(source, "as_uri"):
        return str(source)
    if hasattr(type(source), "resolve"):
        # The output of another task, which is checked when it is known.
        return source
    if isinstance(source, Collection) and not isinstance(source, Mapping | bytes):
        return tuple(source)
    raise ConfigurationError(
        f"the source of Suppress cannot be a {type(source).__name__}",
        advice="Give a path or a list of numbers.",
    )


def _variable_rows(facts: Facts, name: str) -> Any:
    text = facts.surroundings.variable(name)
    if text is None:
        raise AudienceError(
            f"there is no Airflow Variable named {name}",
            advice="Nothing was sent now. Make it; a list of nobody is [], with may_be_empty=True.",
        )
    if text.strip().startswith("["):
        if not text.rstrip().endswith("]"):
            raise AudienceError(f"the Airflow Variable {name} is a JSON list without an end", advice=_ADVICE)
        # Parsed by the reader, as the rendered template of an audience is.
        return text
    return [line for line in text.splitlines() if line.strip()]


def _leave_out(facts: Facts, listed: NumberSet) -> int:
    from airflow_provider_aliyunsms.audience.phone_numbers import with_country_codes
    from airflow_provider_aliyunsms.codes import LocalCode

    count = 0
    for rows in facts.pending():
        numbers = with_country_codes(rows.members.numbers, product=facts.product)
        held = listed.holds(numbers)
        places = [place for place, is_held in zip(rows.places, held, strict=True) if is_held]
        if places:
            facts.leave_out(places, code=LocalCode.SUPPRESSED.value)
        count += len(places)
    return count


def _refused(facts: Facts) -> Iterator[list[LearnedNumber]]:
    """Yield the numbers that the gateway refused for their owners' sake, page by page."""
    from airflow_provider_aliyunsms.audience.phone_numbers import with_country_code
    from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber
    from airflow_provider_aliyunsms.codes import is_opt_out

    known: dict[str | None, bool] = {None: False}
    for rows in facts.rows():
        for code in {*rows.codes} - known.keys():
            known[code] = is_opt_out(code, api=facts.product.action)
        yield [
            LearnedNumber(with_country_code(number, product=facts.product), str(code))
            for number, code in zip(rows.members.numbers, rows.codes, strict=True)
            if known[code]
        ]

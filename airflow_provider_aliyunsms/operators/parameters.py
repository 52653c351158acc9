# SPDX-License-Identifier: Apache-2.0
"""Check the send operators' parameters and read the audience they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.private import unwrap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.rows import Block


TEMPORARY_RUN: Final = "__airflow_temporary_run_"
"""How the id of a run begins that ``airflow tasks test`` makes and removes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSource:
    """
    The parameters of an operator that describe its audience.

    :param number_field: the key or column of the phone number, ``phone_number`` or ``to``.

    The other fields are the operator's parameters of the same names.
    """

    recipients: Any
    recipients_sql: Any
    recipients_conn_id: str | None
    recipients_parameters: Any
    column_mapping: Mapping[str, str | None] | None
    columns: Collection[str] | None
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    null_values: Collection[str] | None
    number_field: str

    def blocks(self, facts: SourceFacts) -> Iterator[Block]:
        """
        Return the rows of the audience in blocks.

        The parameters are checked at once. The rows are read while the caller iterates.

        :param facts: takes what the source turned out to be.
        :raises ConfigurationError: the parameters contradict each other.
        :raises AudienceError: the source or one of its rows cannot be read; see ``read_blocks`` and ``read_sql``.
        """
        from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks
        from airflow_provider_aliyunsms.hooks.storage import file_fingerprint, open_binary

        columns = Columns(self.column_mapping, only=self.columns)
        if self.recipients_sql is not None:
            return self._query(columns, facts)
        return read_blocks(
            unwrap(self.recipients),
            number_field=self.number_field,
            open_binary=open_binary,
            fingerprint=file_fingerprint,
            columns=columns,
            encoding=self.encoding,
            delimiter=self.delimiter,
            sheet=self.sheet,
            null_values=self.null_values,
            facts=facts,
        )

    def _query(self, columns: Any, facts: SourceFacts) -> Iterator[Block]:
        from airflow_provider_aliyunsms.audience.sources import read_sql
        from airflow_provider_aliyunsms.hooks.sql_cursor import streaming_cursor

        sql = unwrap(self.recipients_sql)
        if not isinstance(sql, str) or not sql.strip():
            raise ConfigurationError("recipients_sql must be the text of one query")
        for name in ("encoding", "delimiter", "sheet"):
            if getattr(self, name) is not None:
                raise ConfigurationError(f"{name} means nothing for recipients_sql", advice="Leave it out.")
        open_cursor = partial(
            streaming_cursor,
            conn_id=str(self.recipients_conn_id),
            sql=sql,
            parameters=unwrap(self.recipients_parameters),
        )
        return read_sql(
            open_cursor,
            number_field=self.number_field,
            columns=columns,
            null_values=self.null_values,
            facts=facts,
        )


def campaign_identity(
    context: Context,
    *,
    campaign_id: object,
    ledger_path: object,
    names_campaign: bool,
    names_ledger: bool,
    dry_run: bool | str,
) -> str:
    """
    Return the campaign id: the given one, or one that follows from the task, its run and its map index.

    :param campaign_id: as it was rendered, and so is ``ledger_path``.
    :param names_campaign: whether the operator was given a campaign id, before a template turned it into nothing.
    :param names_ledger: the same of its ledger path.
    :param dry_run: nothing is sent, so that a run which ends with its command is none too short.
    :raises ConfigurationError: one was rendered to nothing, or the run is one that ends with its command.
    """
    ti = context["ti"]
    if not names_campaign:
        _check_run_stays(ti, dry_run=dry_run)
        return f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}"
    if not as_text(campaign_id):
        raise ConfigurationError(
            "campaign_id was rendered to nothing, so that different campaigns would share one identity",
            advice="Nothing was sent now. Correct its template, or leave campaign_id out.",
        )
    if names_ledger and not as_text(ledger_path):
        raise ConfigurationError(
            "ledger_path was rendered to nothing, so that nobody knows whom other runs with this campaign_id "
            "have sent to",
            advice="Nothing was sent now. Correct its template.",
        )
    if ti.run_id in str(campaign_id):
        _check_run_stays(ti, dry_run=dry_run)
    return str(campaign_id)


def _check_run_stays(ti: Any, *, dry_run: bool | str) -> None:
    if str(ti.run_id).startswith(TEMPORARY_RUN) and not as_bool(dry_run, name="dry_run"):
        raise ConfigurationError(
            "airflow tasks test makes a new run each time, so that everybody would be sent to each time",
            advice="Nothing was sent now. Use dry_run=True; or give a campaign_id without the run's and a "
            "ledger_path, by which a second test finds what the first one sent.",
        )


def check_one_source(
    *, recipients: object, recipients_sql: object, conn_id: object, parameters: object
) -> None:
    """
    Check that an operator has exactly one source of recipients; called when the DAG file is parsed.

    :raises ConfigurationError: there is no source or there are two, or a parameter of the query is missing or has no
        query.
    """
    if (recipients is None) == (recipients_sql is None):
        raise ConfigurationError(
            "give either recipients or recipients_sql" if recipients is None else _TWO,
            advice="recipients takes a list, an XComArg or a file; recipients_sql takes a query.",
        )
    if (recipients_sql is None) != (conn_id is None):
        raise ConfigurationError("recipients_sql and recipients_conn_id go together")
    if recipients_sql is None and parameters is not None:
        raise ConfigurationError("recipients_parameters belong to recipients_sql")


def check_split(*, split: object, texts: object) -> None:
    """
    Check that a split and what its groups get go together; called when the DAG file is parsed.

    :param texts: template codes or messages by group.
    :raises ConfigurationError: one of them is missing, or has another form.
    """
    from airflow_provider_aliyunsms.audience.split import Split

    if (split is None) != (texts is None):
        raise ConfigurationError(
            "a split and what its groups get go together",
            advice='Give split=Split({"a": 0.5, "b": 0.5}, salt="...") with templates={"a": ..., "b": ...}, for '
            "Globe with messages.",
        )
    if split is None:
        return
    if not isinstance(split, Split):
        raise ConfigurationError(f"split must be a Split, not {type(split).__name__}")
    if (
        not isinstance(texts, Mapping)
        or not texts
        or not all(isinstance(text, str) and text.strip() == text != "" for text in texts.values())
    ):
        raise ConfigurationError(
            "what the groups of a split get must be texts by the names of the groups, without blanks around them",
            advice="A group that gets nothing is left out.",
        )
    strange = texts.keys() - {*split.names}
    if strange:
        raise ConfigurationError(
            "the split lacks a group that has a text", advice=f"Its groups are {', '.join(split.names)}."
        )


_TWO = "recipients and recipients_sql exclude each other"


_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "false": False,
    "0": False,
    "no": False,
    "none": False,
    "": False,
}


def as_bool(value: object, *, name: str) -> bool:
    """
    Return a flag as a bool, also when a template rendered it to text.

    :raises ConfigurationError: the text is not a known word for true or false; it is never taken for False.
    """
    if isinstance(value, bool):
        return value
    known = _WORDS.get(str(value).strip().lower())
    if known is None:
        raise ConfigurationError(f"{name} must be true or false")
    return known


def as_text(value: object) -> str:
    """
    Return a rendered text without blanks around it; empty for None, for nothing and for a rendered None.

    Of an identity, such as a campaign_id, only whether it is empty is asked so: another text would be another
    campaign, whose recipients nobody knows.
    """
    text = "" if value is None else str(value).strip()
    return "" if text == "None" else text


def given_numbers(value: object, *, name: str) -> list[str]:
    """
    Return some phone numbers, given as a list of texts or as one text with commas, as they were written.

    :raises ConfigurationError: there is none, or one is no text; their count is told, never a number.
    """
    numbers = value.split(",") if isinstance(value, str) else value
    if not isinstance(numbers, list | tuple | set | frozenset) or not all(
        isinstance(number, str) for number in numbers
    ):
        raise ConfigurationError(
            f"{name} must be a list of texts, or one text with commas between the numbers"
        )
    found = [number.strip() for number in numbers if number.strip()]
    if not found:
        raise ConfigurationError(f"{name} holds no number", advice="Leave it out, or give it one.")
    # A set has another order in each process.
    return sorted(found) if isinstance(numbers, set | frozenset) else found


def as_seconds(value: float | timedelta) -> float:
    """Return a duration, given in seconds or as a timedelta, in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)

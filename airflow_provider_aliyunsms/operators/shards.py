# SPDX-License-Identifier: Apache-2.0
"""
Define the operators that cut one audience into mapped send tasks and add their results up.

``AliyunSmsShards`` plans the shards: it writes their number down and returns the arguments of one send task for each
of them. A send task that is given a ``shard`` checks with :func:`check_record` that its shard is one of those, and
``AliyunSmsShardsSummary`` checks at the end that all of them are there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator, XComArg

from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.operators.failures import final, say_result, without_retries
from airflow_provider_aliyunsms.operators.parameters import as_bool, as_text
from airflow_provider_aliyunsms.operators.rendering import text_of
from airflow_provider_aliyunsms.parameter_checks import check_texts, check_whole
from airflow_provider_aliyunsms.private import hide_campaign, unwrap
from airflow_provider_aliyunsms.task_errors import with_short_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.shards import Shard
    from airflow_provider_aliyunsms.campaign.ledger import ShardRecord

__all__ = ["AliyunSmsShards", "AliyunSmsShardsSummary"]

log = logging.getLogger(__name__)

MOST_SHARDS = 1000
"""The largest number of shards of one audience. Each of them reads the whole source."""

_FIELDS = {"index", "of", "record"}
_RULES = ("none_failed", "all_success")
_PLACE = (
    "Nothing was sent now. Give AliyunSmsShards a ledger_path on a storage that all workers share: the number of "
    "shards is written down there, and each shard keeps its ledger there."
)


class AliyunSmsShards(BaseOperator):
    """
    Plan the shards of one campaign, and return the arguments of one mapped send task for each of them.

    Map a send operator over the result: ``AliyunSendBatchSmsOperator.partial(...).expand_kwargs(shards.output)``, or
    Globe's. Each mapped task reads the whole audience and sends to the people of its shard. The shard of a person
    follows from the number alone, in whatever spelling and place it stands in the file.

    Sends nothing and reads no audience. Writes one small file below ``ledger_path``.

    The number of shards of a campaign never changes. With another one, people would move to shards whose ledgers do
    not know them, and get a second message. A later try, run or Clear with another number is refused, here and in
    each send task, and so is one that finds no record although shards may have been sent. A campaign is not begun in
    a run that was cleared: what is a plan now may have been a task that sent to everybody.

    :param campaign_id: the identity of the whole campaign. Each shard is a campaign of its own,
        ``<campaign_id>/shard-<index>``. Example: ``"spring/{{ run_id }}"``. (templated)
    :param ledger_path: the folder of the ledgers and of the record of the number of shards, on a storage that all
        workers share. Example: ``"s3://conn_id@bucket/ledgers"``. (templated)
    :param shards: how many, 1 to 1,000. Each task reads the whole audience, so a few are enough. Unit: tasks.
        Example: ``4``. (templated)
    :param dry_run: leave no record; for send tasks with ``dry_run=True``. To send after a rehearsal, trigger a
        new run. Example: ``True``. (templated)
    :raises ConfigurationError: a parameter is wrong; not retried.
    :raises LedgerConflictError: the campaign was begun with another number of shards or without any, or the record is
        missing that would tell; not retried.
    :raises LedgerError: the storage cannot be read or written; a retry tries again.
    """

    template_fields: Sequence[str] = ("campaign_id", "ledger_path", "shards", "is_dry_run")
    ui_color = "#fff1e6"

    def __init__(
        self,
        *,
        campaign_id: str,
        ledger_path: str,
        shards: int | str,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.ledger_path = ledger_path
        self.shards = shards
        self.is_dry_run = dry_run  # BaseOperator has a method called dry_run
        check_texts(campaign_id=campaign_id, ledger_path=ledger_path)
        if not _is_template(shards):
            _count(shards)

    @with_short_errors
    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Write the number of shards down, or compare it with the record, and return the arguments of each task."""
        with without_retries():
            of = _count(self.shards)
            ledger_path = as_text(self.ledger_path)
            if not as_text(self.campaign_id):
                raise ConfigurationError(
                    "campaign_id of the shards is missing, or was rendered to nothing",
                    advice="Nothing was sent now. Correct its template: it names the campaign, and other campaigns "
                    "must not share it.",
                )
            if not ledger_path:
                raise ConfigurationError(
                    "ledger_path of the shards is missing, or was rendered to nothing", advice=_PLACE
                )
            # As it is, blanks and all, as the send operators take it: two texts for one campaign would be two
            # campaigns, each of which sends to everybody.
            campaign_id = str(self.campaign_id)
            record = _record(campaign_id=campaign_id, ledger_path=ledger_path)
            if as_bool(self.is_dry_run, name="dry_run"):
                record.check_rehearsal(of=of)
                name = ""
            else:
                name = record.plan(of=of, may_begin=_may_begin(self, context))
        say(log, logging.INFO, "Campaign %s", campaign_id)
        say(log, logging.INFO, "It is sent in %d shards.", of)
        return [
            {
                "campaign_id": campaign_id,
                "ledger_path": ledger_path,
                "shard": {"index": index, "of": of, "record": name},
            }
            for index in range(of)
        ]

    def _render(self, template: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        # As the send operators do: a campaign_id that Airflow makes a number of would be another campaign.
        return text_of(
            super()._render(template, context, *args, **kwargs), template=template, context=context
        )


class AliyunSmsShardsSummary(BaseOperator):
    """
    Add the results of all shards of one campaign up to one result, and fail if one of them is missing.

    Green means that every shard was sent and that all of them have read the same audience, so that nobody was left
    out between two of them. Reads no receipts and makes no call.

    The XCom has the fields of a send task's result, without the receipts themselves: ``campaign_id, api, total,
    accepted, rejected, skipped, unknown, requests, errors, started_at, finished_at``, ``shards`` (how many),
    ``rows`` (of the audience) and ``receipts_paths`` (those of the shards, in their order). The sensor takes the
    output of the send tasks, not this. It is skipped if all send tasks were, because the audience is empty.

    :param campaign: the output of the mapped send task. Example: ``send.output``. (templated)
    :param trigger_rule: ``none_failed`` (the default), so that a shard that was skipped is noticed, or
        ``all_success``. Under other rules it would run beside tasks that did not, whose results are those of an
        earlier occasion. Example: ``"all_success"``.
    :raises ConfigurationError: a result is missing, is there twice, or is of another campaign; not retried.
    :raises AudienceError: two shards have read different audiences; not retried.
    :raises AirflowSkipException: all send tasks were skipped.
    """

    template_fields: Sequence[str] = ("campaign",)
    ui_color = "#ffe0cc"

    def __init__(self, *, campaign: Any, trigger_rule: str = "none_failed", **kwargs: Any) -> None:
        if trigger_rule not in _RULES:
            raise ConfigurationError(
                f"the summary cannot have the trigger rule {trigger_rule}: it would add up results of an earlier "
                "occasion, which tasks that did not run keep",
                advice='Leave trigger_rule out, or take "all_success".',
            )
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.campaign = campaign
        # Known only before the rendering, which puts the results in their place.
        self._senders = sorted({task.task_id for task, _ in XComArg.iter_xcom_references(campaign)})

    @with_short_errors
    def execute(self, context: Context) -> dict[str, Any]:
        """Return the sum of the results."""
        from airflow_provider_aliyunsms.campaign.shard_totals import add_up

        # Before the results: a task that was skipped without running keeps those of an earlier occasion.
        states = _states_of(self._senders, context)
        if states and all(state == "skipped" for state in states):
            raise AirflowSkipException("All shards were skipped: there was nothing to send.")
        try:
            result = add_up(unwrap(self.campaign))
        except (ConfigurationError, AudienceError) as error:
            raise final(error) from error
        say(log, logging.INFO, "Campaign %s: %d shards", result["campaign_id"], result["shards"])
        say_result(result)
        return result

    @with_short_errors
    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, then wrap the campaign: Airflow would show its receipts under "Rendered Templates"."""
        from airflow_provider_aliyunsms.rendering import render_fields

        render_fields(
            self,
            parent=parent,
            fields=template_fields,
            context=context,
            jinja_env=jinja_env,
            seen_oids=seen_oids,
        )
        if parent is self:
            self.campaign = hide_campaign(self.campaign)


def check_shard(shard: object, *, durable: bool, receipts_path: object) -> None:
    """
    Check the ``shard`` of a send operator where its value is known, and the parameters that go with it.

    :raises ConfigurationError: it is none that :class:`AliyunSmsShards` returns, or a parameter excludes it.
    """
    if shard is None:
        return
    if not isinstance(shard, Mapping) or shard.keys() != _FIELDS or not isinstance(shard["record"], str):
        raise ConfigurationError(
            "shard must be one of those that AliyunSmsShards returns",
            advice="Nothing was sent now. Map the operator with expand_kwargs(shards.output), where shards is that "
            "task.",
        )
    check_whole("shard: of", shard["of"], low=1, high=MOST_SHARDS)
    check_whole("shard: index", shard["index"], low=0, high=shard["of"] - 1)
    if not durable:
        raise ConfigurationError(
            "a shard needs a ledger, so durable=False excludes it",
            advice="Nothing was sent now. Remove durable=False.",
        )
    if not as_text(receipts_path):
        raise ConfigurationError(
            "a shard has no receipts_path, or it was rendered to nothing",
            advice="Nothing was sent now. Give a folder on a storage that all workers share. Without it each shard "
            "would leave numbers in Airflow's database or on the disk of its worker, where nobody finds them.",
        )
    if isinstance(receipts_path, str) and not _is_template(receipts_path):
        from airflow_provider_aliyunsms.campaign.receipts import is_receipt_file

        if is_receipt_file(receipts_path):
            raise ConfigurationError(
                "receipts_path is one file for all shards, so one would overwrite the other's",
                advice="Nothing was sent now. Give a folder: each shard writes a file of its own there.",
            )


def shard_of(shard: Mapping[str, Any] | None) -> Shard | None:
    """Return the part of the audience that the ``shard`` of a send operator names; None without one."""
    from airflow_provider_aliyunsms.audience.shards import Shard

    return None if shard is None else Shard(index=int(shard["index"]), of=int(shard["of"]))


def check_source(shard: object, recipients: object) -> None:
    """
    Check that a shard's audience is a file or a query.

    :param recipients: the operator's; None with a query.
    :raises ConfigurationError: it is a list or a data frame.
    """
    if (
        shard is None
        or recipients is None
        or hasattr(recipients, "__fspath__")
        or hasattr(recipients, "as_uri")
    ):
        return
    if not isinstance(recipients, str) or recipients.lstrip().startswith("["):
        raise ConfigurationError(
            "shards are for files and queries, and recipients is a list",
            advice="Nothing was sent now. Every shard would fetch the whole list from Airflow's database: write it "
            "to a file, such as .parquet, and give its path; or send it without shards.",
        )


def check_record(
    shard: Mapping[str, Any] | None,
    *,
    campaign_id: str,
    ledger_path: str | None,
    dry_run: bool,
    begins: bool = False,
) -> Shard | None:
    """
    Check that a send task's shard is one of those that the campaign was cut into; or that it was not cut at all.

    Costs a read, or a few, where there is a ``ledger_path``.

    :param shard: the operator's; None for a task that sends to the whole audience.
    :param campaign_id: that of the whole campaign.
    :param begins: the first call is next, so a shard leaves a mark of that.
    :returns: the part of the audience, with the salt of the record; None for all of it.
    :raises ConfigurationError: a shard has no ``ledger_path``.
    :raises LedgerConflictError: the record says otherwise, or is missing; nothing was sent.
    """
    part = shard_of(shard)
    if not ledger_path:
        if part is not None:
            raise ConfigurationError(
                "a shard has no ledger_path, or it was rendered to nothing", advice=_PLACE
            )
        return None
    record = _record(campaign_id=campaign_id, ledger_path=ledger_path)
    if shard is None or part is None:
        record.check_whole()
        return None
    if dry_run:
        return replace(part, salt=record.check_rehearsal(of=part.of))
    if begins:
        record.begin(shard=part, name=shard["record"])
        return part
    return replace(part, salt=record.check(shard=part, name=shard["record"]))


def then_checked(blocks: Iterable[Block], check: Callable[[], object]) -> Iterator[Block]:
    """
    Yield the blocks of an audience, and check the record of the shards once more after the last of them.

    The whole audience is read before the first call, which may take long; what was written meanwhile is found.

    :param check: raises an error if the record does not fit any more.
    """
    yield from blocks
    check()


def _record(*, campaign_id: str, ledger_path: str) -> ShardRecord:
    from airflow_provider_aliyunsms.campaign.ledger import ShardRecord
    from airflow_provider_aliyunsms.operators.ledger_store import path_store

    return ShardRecord(
        campaign_id=campaign_id,
        store_of=lambda identity: path_store(ledger_path=ledger_path, campaign_id=identity),
    )


def _may_begin(plan: BaseOperator, context: Context) -> bool:
    """
    Return whether certainly nothing of this run's campaign was sent before.

    That is so in the first try of the plan and in automatic retries of it, as long as no task of the run was cleared
    and no send task behind the plan has run. The plan may be new in a run that is older, because the DAG file was
    edited. Then a task that sent to everybody may have run before in the place of the shards, at a ledger where the
    plan does not look.
    """
    from airflow_provider_aliyunsms.campaign.ledger import MemoryStore
    from airflow_provider_aliyunsms.operators.ledger_store import StoreChoice, occasion_of

    # "keeps_all" leaves the question to Airflow alone. A task that is retried without a Clear has never succeeded, so
    # that no shard has been sent in its run.
    choice = StoreChoice(store=MemoryStore(), fenced=False, keeps_all=True)
    occasion = occasion_of(context, retries=plan.retries or 0, choice=choice)
    # Not "not cleared": an Airflow that does not say how often the run was cleared proves nothing.
    first_run = getattr(context.get("dag_run"), "clear_number", None) == 0
    if not first_run or not (occasion.first_try or occasion.untouched):
        return False
    return not any(_states_of(_senders_behind(plan), context))


def _senders_behind(plan: BaseOperator) -> list[str]:
    """Return the ids of the send tasks that wait for a plan, directly or not."""
    behind = plan.get_flat_relatives(upstream=False)
    # By a method that send operators alone have: their module uses this one.
    return sorted(
        task.task_id
        for task in behind
        if hasattr(getattr(task, "operator_class", type(task)), "make_channel")
    )


def _states_of(task_ids: Sequence[str], context: Context) -> list[str | None]:
    """Return the states of all instances of some tasks in this run; None for one that waits for its first try."""
    if not task_ids:
        return []
    ti: Any = context["ti"]
    ask = getattr(ti, "get_task_states", None)
    if ask is not None:
        return [*ask(dag_id=ti.dag_id, task_ids=[*task_ids], run_ids=[ti.run_id]).get(ti.run_id, {}).values()]
    # Airflow 2 gives the run as it is in the database.
    run: Any = context["dag_run"]
    return [each.state for each in run.get_task_instances() if each.task_id in task_ids]


def _is_template(value: object) -> bool:
    # A number, and a text of digits, are literals; of what else may be given, only the rendered value is known.
    return not isinstance(value, int | float | bytes) and not (
        isinstance(value, str) and "{{" not in value and "{%" not in value
    )


def _count(shards: object) -> int:
    number = int(shards) if isinstance(shards, str) and re.fullmatch(r"\s*[0-9]{1,6}\s*", shards) else shards
    check_whole("shards", number, low=1, high=MOST_SHARDS)
    return int(number)  # type: ignore[call-overload, no-any-return]

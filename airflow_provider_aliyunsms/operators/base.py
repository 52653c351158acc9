# SPDX-License-Identifier: Apache-2.0
"""Define the base class of the two send operators: everything except their API's own parameters and channel."""

from __future__ import annotations

import logging
from abc import abstractmethod
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    XComArg,
)

from airflow_provider_aliyunsms.exceptions import (
    AudienceError,
    CampaignDoomedError,
    ConfigurationError,
    GuardError,
    LedgerConflictError,
    LedgerMissingError,
    LedgerStorageError,
    TooManyRefusedError,
)
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.operators.failures import (
    final,
    read_without_retries,
    say_result,
    unknown_error,
    without_retries,
)
from airflow_provider_aliyunsms.operators.guards import (
    WAITS,
    Deployment,
    check_guards,
    check_wait,
    end_by_guard,
    planned_at,
    render_guards,
    template_values,
)
from airflow_provider_aliyunsms.operators.parameters import (
    AudienceSource,
    as_bool,
    as_seconds,
    as_text,
    campaign_identity,
    check_one_source,
    check_split,
    given_numbers,
)
from airflow_provider_aliyunsms.operators.redaction import hide_query, hide_recipients, hide_text, hide_values
from airflow_provider_aliyunsms.operators.rendering import text_of
from airflow_provider_aliyunsms.operators.shards import (
    check_record,
    check_shard,
    check_source,
    shard_of,
    then_checked,
)
from airflow_provider_aliyunsms.parameter_checks import (
    check_duration,
    check_limit,
    check_mapping,
    check_qps,
    check_share,
    check_texts,
    check_whole,
    check_word,
)
from airflow_provider_aliyunsms.private import unwrap
from airflow_provider_aliyunsms.products import CHINA
from airflow_provider_aliyunsms.task_errors import tell, with_short_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.rows import Block
    from airflow_provider_aliyunsms.audience.rules import RecipientRules
    from airflow_provider_aliyunsms.audience.shards import Shard
    from airflow_provider_aliyunsms.audience.split import Split
    from airflow_provider_aliyunsms.campaign.groups import Groups
    from airflow_provider_aliyunsms.campaign.guards import Canary, Guard
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace, PaceMember
    from airflow_provider_aliyunsms.campaign.plan import Plan, Result, Texts
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.ports import Channel
    from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook
    from airflow_provider_aliyunsms.operators.figures import CampaignFigures
    from airflow_provider_aliyunsms.operators.ledger_store import StoreChoice
    from airflow_provider_aliyunsms.operators.receipts import ReceiptKeeper


log = logging.getLogger(__name__)

LOOK_UP_PATIENCE = 30.0
"""Seconds for which one query of a look-up waits for the account's pace; after that it proves nothing."""

FAILED_KEY = "campaign"
"""The XCom key of the summary of a try that fails; that of one that succeeds is the return value."""

MOST_AT_ONCE = 64
"""The largest ``max_concurrency``: as many connections as a client keeps."""

_PLACES = ("receipts_path", "ledger_path")
_AFTER_TIMEOUT = (
    "A retry or a Clear goes on where it stopped, and sends nothing twice. Raise execution_timeout if the campaign "
    "is meant to take longer."
)
_CONNECTION = "aliyun_sms_conn_id"
# Values that the database's driver binds, so that their type matters.
_NATIVE_FIELDS = {"recipients_parameters"}
_HIDDEN_FIELDS = {
    "recipients_parameters": hide_values,
    "send_copies_to": hide_values,
    "template_param": hide_values,
    "message": hide_text,
}


class AliyunSmsSendOperator(BaseOperator):
    """
    Send one campaign and return its outcomes; the base class of the two send operators.

    Not for use in a DAG: use the two operators in ``operators/aliyun_sms.py``, which document the parameters.
    """

    # No field is looked up as a file but recipients_sql, by _do_render_template_fields: with an ending here, Airflow
    # would do so with every field, and log a text that happens to end so.
    template_ext: Sequence[str] = ()
    # Airflow 2 uses these to lay out the fields; Airflow 3 goes by the value. "yaml" suits both a path and a list.
    template_fields_renderers: ClassVar = {
        "recipients": "yaml",
        "recipients_sql": "sql",
        "recipients_parameters": "json",
        "send_copies_to": "json",
        "column_mapping": "json",
        "columns": "json",
        "null_values": "json",
        "template_param": "json",
        "message": "doc",
    }
    ui_color = "#fff1e6"
    number_field = "phone_number"
    _product = CHINA

    def __init__(
        self,
        *,
        recipients: Any = None,
        recipients_sql: str | None = None,
        recipients_conn_id: str | None = None,
        recipients_parameters: Any = None,
        column_mapping: Mapping[str, str | None] | None = None,
        columns: Collection[str] | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        sheet: str | None = None,
        null_values: Collection[str] | None = None,
        phone_region: str | None = None,
        campaign_id: str | None = None,
        shard: Mapping[str, Any] | None = None,
        split: Split | None = None,
        chunk_size: int,
        max_concurrency: int,
        max_qps: float | None,
        receipts_path: str | None = None,
        ledger_path: str | None = None,
        durable: bool = True,
        resend: bool | str = False,
        dry_run: bool | str = False,
        dedupe: Literal["content", "phone"] = "content",
        on_empty: Literal["skip", "fail"] = "skip",
        max_rejected: float | None = None,
        max_duplicates: float | None = None,
        error_threshold: float | None = 0.5,
        settle_time: float | timedelta = 600.0,
        refusal_wait: float | timedelta = 60.0,
        evidence_wait: float | timedelta = 90.0,
        network_patience: float | timedelta = 300.0,
        resend_unknown: bool | str = False,
        resend_rejected: bool | str = False,
        guards: Collection[Guard] = (),
        canary: Canary | None = None,
        guard_wait: Literal["defer", "reschedule"] = "defer",
        send_copies_to: Collection[str] | str | None = None,
        aliyun_sms_conn_id: str = "aliyun_sms_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one_source(
            recipients=recipients,
            recipients_sql=recipients_sql,
            conn_id=recipients_conn_id,
            parameters=recipients_parameters,
        )
        self.recipients = recipients
        self.recipients_sql = recipients_sql
        self.recipients_conn_id = recipients_conn_id
        self.recipients_parameters = recipients_parameters
        self.column_mapping = column_mapping
        self.columns = columns
        self.encoding = encoding
        self.delimiter = delimiter
        self.sheet = sheet
        self.null_values = null_values
        self.phone_region = phone_region
        self.campaign_id = campaign_id
        # Known before a template turns it into something else, or into nothing.
        self._names_campaign = campaign_id is not None
        self._names_ledger = bool(ledger_path)
        self.shard = shard
        self.split = split
        self.chunk_size = chunk_size
        self.max_concurrency = max_concurrency
        self.max_qps = max_qps
        self.receipts_path = receipts_path
        self.ledger_path = ledger_path
        self.durable = durable
        self.resend = resend
        self.is_dry_run = dry_run  # BaseOperator has a method called dry_run
        self.dedupe = dedupe
        self.on_empty = on_empty
        self.max_rejected = max_rejected
        self.max_duplicates = max_duplicates
        self.error_threshold = error_threshold
        self.settle_time = settle_time
        self.refusal_wait = refusal_wait
        self.evidence_wait = evidence_wait
        self.network_patience = network_patience
        self.resend_unknown = resend_unknown
        self.resend_rejected = resend_rejected
        self.guards = check_guards(guards, canary=canary)
        self.guard_wait = guard_wait
        self.send_copies_to = send_copies_to
        XComArg.apply_upstream_relationship(self, template_values(self.guards))
        self.aliyun_sms_conn_id = aliyun_sms_conn_id
        # The XCom key under which the links find the summary; empty while there is none.
        self.summary_key = ""
        self._summary: dict[str, Any] | None = None
        self._killed = False
        self._query_pace: PaceMember | None = None
        self._renders_text = True
        self._sent = False
        self._waited = False
        self._is_durable = True
        self._figures: CampaignFigures | None = None
        self._check_literals()

    def _check_literals(self) -> None:
        """
        Check the parameters whose values are known when the DAG file is parsed.

        :raises ConfigurationError: one has the wrong type, or is out of range.
        """
        check_whole("chunk_size", self.chunk_size, low=1, high=self._product.max_chunk_size)
        check_whole("max_concurrency", self.max_concurrency, low=1, high=MOST_AT_ONCE)
        check_qps(self.max_qps)
        check_word("dedupe", self.dedupe, words=("content", "phone"))
        check_word("on_empty", self.on_empty, words=("skip", "fail"))
        check_word("guard_wait", self.guard_wait, words=WAITS)
        check_share("error_threshold", self.error_threshold)
        for name in ("max_rejected", "max_duplicates"):
            check_limit(name, getattr(self, name))
        for name in ("settle_time", "refusal_wait", "evidence_wait", "network_patience"):
            check_duration(name, getattr(self, name))
        texts = ("recipients_conn_id", "encoding", "delimiter", "sheet", "phone_region")
        check_texts(**{name: getattr(self, name) for name in (*texts, *_PLACES, _CONNECTION)})
        check_mapping("column_mapping", self.column_mapping)
        check_shard(self.shard, durable=self.durable, receipts_path=self.receipts_path)
        if self.send_copies_to is not None and self.shard is not None:
            raise ConfigurationError("send_copies_to and shard exclude each other")

    @cached_property
    def hook(self) -> AliyunSmsHook:
        """The hook of ``aliyun_sms_conn_id``, made once for each instance."""
        from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

        return AliyunSmsHook(aliyun_sms_conn_id=self.aliyun_sms_conn_id)

    @abstractmethod
    def make_channel(self) -> Channel:
        """Return the channel for this operator's API."""

    def texts_by_group(self) -> Mapping[str, str] | None:
        """Return what each group of the split gets; a group that is not in it gets nothing."""
        return None

    @cached_property
    def groups(self) -> Groups | None:
        """
        The groups of the split, with what each gets; None where there is no split.

        :raises ConfigurationError: split and texts do not go together.
        """
        texts = self.texts_by_group()
        check_split(split=self.split, texts=texts)
        if self.split is None or texts is None:
            return None
        from airflow_provider_aliyunsms.campaign.groups import Groups

        # Own phones are no part of a test: whoever waits for a copy must get one.
        is_copy = self.send_copies_to is not None
        return Groups(split=self.split, product=self._product, texts=dict(texts), everybody=is_copy)

    @abstractmethod
    def make_texts(self) -> Texts:
        """Return what the texts are made of."""

    @abstractmethod
    def make_rules(self) -> RecipientRules:
        """Return the rules that turn a row into a recipient or reject it."""

    @with_short_errors
    def execute(self, context: Context) -> dict[str, Any]:
        """Send to all recipients that no earlier try of the campaign has sent to, and return the summary."""
        from airflow_provider_aliyunsms.operators.figures import CampaignFigures

        with CampaignFigures(context=context, facts=partial(self._facts, context)) as self._figures:
            return self._send(context)

    def _facts(self, context: Context) -> dict[str, Any]:
        from airflow_provider_aliyunsms.operators.figures import place_of_ledger

        ledger_path = as_text(self.ledger_path)
        return {
            "api": self._product.action,
            "ledger": place_of_ledger(context=context, durable=self.durable, ledger_path=ledger_path),
            "dry_run": as_bool(self.is_dry_run, name="dry_run"),
            "campaign_id": self._identity(context),
        }

    def _send(self, context: Context) -> dict[str, Any]:
        from airflow_provider_aliyunsms.campaign.run import Campaign
        from airflow_provider_aliyunsms.codes import LocalCode
        from airflow_provider_aliyunsms.hooks.metrics import emit_send

        with without_retries(), self.recorded(context):
            plan = self._plan(context)
        # Until its summary says otherwise: one that could not be kept says nothing.
        self._sent = True
        try:
            result = Campaign(plan=plan).run()
        except AudienceError as error:
            if error.code == LocalCode.EMPTY_AUDIENCE and self.on_empty == "skip":
                tell(error, level=logging.INFO)
                raise AirflowSkipException(f"Nothing to send: {error.message}") from error
            # Before the next try a file may be repaired or a disk freed. A list stays the same, so it is not
            # retried.
            if self.audience_is_given and error.code != LocalCode.DISK:
                raise final(error) from error
            raise
        except ConfigurationError as error:
            # A missing signature is found before the first call, and so is a storage that is none for a ledger. Other
            # configuration errors may come after some calls, such as credentials that can no longer be fetched, and
            # stay retryable.
            if error.code == LocalCode.MISSING_SIGNATURE or isinstance(error, LedgerStorageError):
                raise final(error) from error
            raise
        except GuardError as error:
            end_by_guard(self, error, wait=self.guard_wait, sent=self._sent, is_durable=self._is_durable)
        except (CampaignDoomedError, LedgerConflictError, LedgerMissingError, TooManyRefusedError) as error:
            # Another try would meet the same refusal, and every call may cost money.
            raise final(error) from error
        except AirflowTaskTimeout:
            say(log, logging.ERROR, "execution_timeout of the task ended the try.", next_step=_AFTER_TIMEOUT)
            raise
        finally:
            if self._query_pace is not None:
                self._query_pace.close()
            client = self.hook.get_conn()
            client.close()
            emit_send(counts=plan.counts.done(), times=client.call_times, ti=context["ti"])
        return self._verdict(context, result)

    def execute_after_wait(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's
        """Go on after a wait that a guard asked for: judge the campaign anew and send to who is left."""
        # There was a ledger before the wait, so there must be one now.
        self._waited = True
        return self.execute(context)

    def begin_after_wait(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's
        """Begin after a wait before which nobody was sent to, and for which there is no ledger that lasts."""
        return self.execute(context)

    def _has_waited(self, context: Context) -> bool:
        """Return whether this try goes on after a wait; without its ledger it would send to those of before again."""
        rescheduled = self.guard_wait == "reschedule" and bool(self.guards)
        return self._waited or (rescheduled and bool(context.get("task_reschedule_count")))

    @property
    def audience_is_given(self) -> bool:
        """Whether every try has the same recipients, because they were passed as a list or a data frame."""
        recipients = unwrap(self.recipients)
        return isinstance(recipients, list | tuple) or hasattr(type(recipients), "__dataframe__")

    def recorded(self, context: Context) -> AbstractContextManager[None]:
        """
        Return a context for the steps before sending: if they fail, the ledger records that nothing was sent.

        Without that record the next try would find no ledger and refuse to send.
        """
        from airflow_provider_aliyunsms.campaign.clock import Clock
        from airflow_provider_aliyunsms.campaign.ledger import Ledger
        from airflow_provider_aliyunsms.operators.ledger_store import occasion_of, recorded

        def open_ledger() -> Ledger | None:
            choice, _ = self._store(context)
            if not choice.is_durable or as_bool(self.is_dry_run, name="dry_run"):
                return None
            ledger = Ledger(
                store=choice.store,
                campaign_id=self._identity(context),
                fenced=choice.fenced,
                clock=Clock(),
            )
            ledger.open(
                occasion=occasion_of(
                    context, retries=self.retries or 0, choice=choice, waited=self._has_waited(context)
                )
            )
            return ledger

        return recorded(open_ledger=open_ledger)

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any] | None:
        """Return where the recipients come from, for OpenLineage; raises nothing."""
        return self._lineage(None)

    def get_openlineage_facets_on_complete(
        self,
        task_instance: Any,  # noqa: ARG002 - OpenLineage's signature
    ) -> OperatorLineage[Any, Any] | None:
        """Return the same with the campaign and how many messages of it were accepted; raises nothing."""
        return self._lineage(self._summary)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what :meth:`get_openlineage_facets_on_complete` returns, of a try that failed."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _lineage(self, summary: dict[str, Any] | None) -> OperatorLineage[Any, Any] | None:
        from airflow_provider_aliyunsms.operators.lineage import send_lineage

        return send_lineage(
            # An id that follows from the run would be a new dataset in each of them.
            name=str(self.campaign_id) if self._names_campaign else f"{self.dag_id}/{self.task_id}",
            product=self._product,
            recipients=self.recipients,
            sql=self.recipients_sql,
            conn_id=self.recipients_conn_id,
            summary=summary,
        )

    def on_kill(self) -> None:
        """Ask the sending to stop before its next call; calls in flight are given a few seconds to end."""
        # Airflow calls this from a signal handler, which may interrupt a write to the ledger in the same thread.
        # Only a flag may be set here: neither the ledger nor Airflow's connection to its supervisor is made for a
        # second access in between.
        self._killed = True

    def _verdict(self, context: Context, result: Result) -> dict[str, Any]:
        summary = self._summary = result.summary
        if not summary["unknown"]:
            self._tell(summary)
            say_result(summary)
            self.summary_key = "return_value" if self.do_xcom_push else ""
            return summary
        self._keep_failure(context, summary)
        raise unknown_error(result)

    def _keep_failure(self, context: Context, summary: dict[str, Any]) -> None:
        """Log the result of a try that fails and keep it under the XCom key ``campaign``; raise nothing."""
        self._summary = summary
        self._sent = bool(summary["accepted"] or summary["unknown"] or summary["requests"])
        self._tell(summary)
        say_result(summary, failed=True)
        # A failing task has no return value, so the summary goes into an XCom of its own, before the error is
        # raised: after that, nothing of this try can be stored.
        try:
            context["ti"].xcom_push(key=FAILED_KEY, value=summary)
        # Whatever it is, the error that ends the try is the one to report.
        except Exception as error:  # noqa: BLE001 - the backend of the deployment may raise anything
            say(log, logging.WARNING, "The summary could not be kept as XCom (%s).", type(error).__name__)
        else:
            self.summary_key = FAILED_KEY

    def _tell(self, summary: dict[str, Any]) -> None:
        if self._figures is not None:
            self._figures.summary = summary

    def _plan(self, context: Context) -> Plan:
        from airflow_provider_aliyunsms.audience.facts import SourceFacts
        from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
        from airflow_provider_aliyunsms.campaign.plan import Plan
        from airflow_provider_aliyunsms.hooks.hash_secrets import secrets_known
        from airflow_provider_aliyunsms.operators.ledger_store import check_resend, occasion_of, onlookers_of
        from airflow_provider_aliyunsms.operators.placement import warn_of_local_places

        warn_of_local_places(
            {name: as_text(getattr(self, name)) for name in _PLACES}, executor=getattr(self, "executor", None)
        )
        campaign_id = self._identity(context)
        # An id that holds that of the run spans no other one.
        if self._names_campaign and not as_text(self.ledger_path) and context["ti"].run_id not in campaign_id:
            say(
                log,
                logging.WARNING,
                "campaign_id without ledger_path: other runs with this campaign_id send to everybody again.",
                next_step="Set ledger_path if the campaign spans several runs.",
            )
        resend = as_bool(self.resend, name="resend")
        choice, shard = self._store(context)
        self._is_durable = choice.is_durable
        retries = self.retries or 0
        check_resend(resend=resend, choice=choice, context=context, retries=retries)
        check_source(self.shard, unwrap(self.recipients))
        facts = SourceFacts()
        check = partial(self._check_record, context, begins=True)
        blocks = then_checked(self._blocks(facts), check)
        self._pace_look_ups()
        return Plan(
            campaign_id=campaign_id,
            blocks=read_without_retries(blocks),
            facts=facts,
            rules=self.make_rules(),
            dedupe=self.dedupe,
            channel=self.make_channel(),
            store=choice.store,
            fenced=choice.fenced,
            durable=choice.is_durable,
            policy=self._policy(),
            limits=AudienceLimits(max_rejected=self.max_rejected, max_duplicates=self.max_duplicates),
            keep_receipts=self._receipts(context),
            stop_reason=self._stop_reason(),
            occasion=occasion_of(context, retries=retries, choice=choice, waited=self._has_waited(context)),
            resend=resend,
            resend_rejected=as_bool(self.resend_rejected, name="resend_rejected"),
            keep_failure=partial(self._keep_failure, context),
            interruptions=(AirflowTaskTimeout,),
            dry_run=as_bool(self.is_dry_run, name="dry_run"),
            positional=self._is_positional(context),
            account_pace=self._account_pace(),
            secrets_known=secrets_known(self.hook.settings.ledger_secret),
            shard=shard,
            guards=self.guards,
            planned_at=planned_at(context),
            texts=self.make_texts(),
            surroundings=Deployment(
                context=context,
                number_field=self.number_field,
                dry_run=as_bool(self.is_dry_run, name="dry_run"),
            ),
            groups=self.groups,
            try_number=context["ti"].try_number,
            onlookers=onlookers_of(context, choice=choice),
        )

    def _store(self, context: Context) -> tuple[StoreChoice, Shard | None]:
        """Return where the ledger is, and the part of the audience that this task sends to; None for all of it."""
        from airflow_provider_aliyunsms.operators.ledger_store import check_place_is_old, choose_store

        check_wait(self.guard_wait, guards=self.guards, context=context)
        # Before any ledger is opened, also one that only says that this try has failed: people may have moved to this
        # shard, or to this place, from others.
        shard = self._check_record(context)
        is_new = not self._has_waited(context) and not as_bool(self.is_dry_run, name="dry_run")
        if self._is_positional(context) and is_new:
            check_place_is_old(context, resend=as_bool(self.resend, name="resend"))
        choice = choose_store(
            context=context,
            campaign_id=self._identity(context),
            ledger_path=as_text(self.ledger_path),
            durable=self.durable,
            dry_run=as_bool(self.is_dry_run, name="dry_run"),
        )
        return choice, shard

    def _is_positional(self, context: Context) -> bool:
        """Return whether the campaign is named after the place of its input among those of a mapped task."""
        return not self._names_campaign and _map_index(context["ti"]) >= 0

    def _check_record(self, context: Context, *, begins: bool = False) -> Shard | None:
        if self.shard is None and not as_text(self.ledger_path):
            return None
        return check_record(
            self.shard,
            campaign_id=self._whole_identity(context),
            ledger_path=as_text(self.ledger_path) if self.durable else None,
            dry_run=as_bool(self.is_dry_run, name="dry_run"),
            begins=begins,
        )

    def _blocks(self, facts: SourceFacts) -> Iterable[Block]:
        blocks = self._audience().blocks(facts)
        if self.send_copies_to is None:
            return blocks
        from airflow_provider_aliyunsms.audience.copies import copies

        numbers = given_numbers(unwrap(self.send_copies_to), name="send_copies_to")
        return copies(blocks, numbers=numbers, number_field=self.number_field, rules=self.make_rules())

    def _audience(self) -> AudienceSource:
        return AudienceSource(
            recipients=self.recipients,
            recipients_sql=self.recipients_sql,
            recipients_conn_id=self.recipients_conn_id,
            recipients_parameters=self.recipients_parameters,
            column_mapping=self.column_mapping,
            columns=self.columns,
            encoding=self.encoding,
            delimiter=self.delimiter,
            sheet=self.sheet,
            null_values=self.null_values,
            number_field=self.number_field,
        )

    def _identity(self, context: Context) -> str:
        """Return the id of what this task sends: that of the campaign, or of its shard."""
        whole, shard = self._whole_identity(context), shard_of(self.shard)
        return whole if shard is None else shard.campaign_id(whole)

    def _whole_identity(self, context: Context) -> str:
        return campaign_identity(
            context,
            campaign_id=self.campaign_id,
            ledger_path=self.ledger_path,
            names_campaign=self._names_campaign,
            names_ledger=self._names_ledger,
            dry_run=self.is_dry_run,
        )

    def _policy(self) -> SendPolicy:
        from airflow_provider_aliyunsms.campaign.policy import SendPolicy

        # Once more: a hook of the deployment, or the DAG file itself, may have set them after the parsing.
        self._check_literals()
        return SendPolicy(
            chunk_size=int(self.chunk_size),
            max_concurrency=int(self.max_concurrency),
            max_qps=self._own_qps(),
            settle_time=as_seconds(self.settle_time),
            refusal_wait=as_seconds(self.refusal_wait),
            evidence_wait=as_seconds(self.evidence_wait),
            error_threshold=self.error_threshold,
            network_patience=as_seconds(self.network_patience),
            resend_unknown=as_bool(self.resend_unknown, name="resend_unknown"),
        )

    def _account_pace(self) -> AccountPace | None:
        if as_bool(self.is_dry_run, name="dry_run"):
            return None
        return self.hook.account_pace(
            product=self._product, most=self.max_qps, connections=int(self.max_concurrency)
        )

    def _pace_look_ups(self) -> None:
        """Let the look-ups keep the account's limit for queries together with all sensors, each in its own thread."""
        self._query_pace = self.hook.query_pace(product=self._product) if self._product.can_look_up else None
        if self._query_pace is not None:
            self.hook.get_conn().pace_reads(
                partial(self._query_pace.call, patience=LOOK_UP_PATIENCE, should_stop=lambda: self._killed)
            )

    def _own_qps(self) -> float | None:
        """Return the calls a second of this task: where no limit is shared, the account's holds for each task."""
        from airflow_provider_aliyunsms.hooks.account_pace import account_qps

        account = account_qps(self.hook.settings, product=self._product)
        return min((limit for limit in (self.max_qps, account) if limit is not None), default=None)

    def _stop_reason(self) -> Callable[[], str | None]:
        """Return the function that is called before every call, from any thread; a text stops the sending."""
        from airflow_provider_aliyunsms.operators.supervisor import Supervisor

        # Made now, while the supervisor is alive.
        supervisor = Supervisor()

        def reason() -> str | None:
            if self._killed:
                return "the task was killed"
            # A supervisor that died cannot store outcomes any more, and Airflow will start another try.
            return "the task's supervisor died" if supervisor.is_gone else None

        return reason

    def _receipts(self, context: Context) -> ReceiptKeeper:
        from airflow_provider_aliyunsms.operators.receipts import ReceiptKeeper

        ti = context["ti"]
        return ReceiptKeeper(
            campaign_id=self._identity(context),
            receipts_path=as_text(self.receipts_path) or None,
            run_id=str(ti.run_id),
            map_index=_map_index(ti),
        )

    def resolve_template_files(self) -> None:
        """Do nothing when the DAG file is parsed; :meth:`_do_render_template_fields` reads the file of a query."""
        self.prepare_template()

    def _render(self, template: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        rendered = super()._render(template, context, *args, **kwargs)
        return text_of(rendered, template=template, context=context) if self._renders_text else rendered

    @with_short_errors
    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        from airflow_provider_aliyunsms.rendering import render_fields

        for name in template_fields:
            self._renders_text = name not in _NATIVE_FIELDS
            try:
                render_fields(
                    self,
                    parent=parent,
                    fields=[name],
                    context=context,
                    jinja_env=jinja_env,
                    seen_oids=seen_oids,
                    query_field="recipients_sql",
                )
            finally:
                self._renders_text = True
        if parent is not self:
            return
        self.guards = render_guards(
            self.guards, templater=self, context=context, jinja_env=jinja_env, seen_oids=seen_oids
        )
        # Hidden after the rendering, because Jinja needs the values, and before Airflow stores the fields: it shows
        # them under "Rendered Templates" to every user who may see the DAG.
        self.recipients = hide_recipients(
            self.recipients, number_field=self.number_field, column_mapping=self.column_mapping
        )
        self.recipients_sql = hide_query(self.recipients_sql)
        for name, hide in _HIDDEN_FIELDS.items():
            if hasattr(self, name):
                setattr(self, name, hide(getattr(self, name)))


def _map_index(ti: Any) -> int:
    return -1 if ti.map_index is None else int(ti.map_index)

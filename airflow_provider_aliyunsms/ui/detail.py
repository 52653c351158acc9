# SPDX-License-Identifier: Apache-2.0
"""Make the JSON of one campaign: its row, and what stands beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from airflow_provider_aliyunsms.links.aliyun_sms import CHINA_CONSOLE, GLOBE_CONSOLE, receipts_url
from airflow_provider_aliyunsms.products import PRODUCTS
from airflow_provider_aliyunsms.ui.clear import ClearFacts, ledger_state, would_clear
from airflow_provider_aliyunsms.ui.figures import TRY_COUNTS, delivery_of, iso, sending_of
from airflow_provider_aliyunsms.ui.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.ui.records import Task

SUMMARY_KEYS: Final = ("return_value", "campaign")
"""Where a send task leaves its summary: when it succeeds, and when it fails."""

_CONSOLES = {"china": CHINA_CONSOLE, "globe": GLOBE_CONSOLE}


def detail_of(
    task: Task,
    *,
    progress: Any,
    deliveries: Sequence[Any],
    earlier: Sequence[Mapping[str, Any]],
    has_ledger: bool | None,
    summary: Mapping[str, Any] | None,
    viewable: bool,
    root: str,
) -> dict[str, Any]:
    """
    Return all that the page shows of one campaign.

    :param progress: what the task renewed while it ran.
    :param earlier: Airflow's record of its earlier tries.
    :param has_ledger: whether its ledger is in Airflow's store; None where it cannot be there, or not be seen.
    :param summary: what it left as its result.
    :param viewable: whether its receipts can be shown.
    :param root: the path of Airflow's own pages, without a slash at its end.
    """
    sending = sending_of(task.left, progress)
    row = row_of(task, progress=progress, deliveries=deliveries, most_codes=None)
    delivery = delivery_of(deliveries, campaign_id=sending["campaign_id"])
    facts = facts_of(task, sending=sending, has_ledger=has_ledger)
    state, (words, words_zh) = ledger_state(facts)
    would, would_zh = would_clear(facts)
    return {
        **row,
        "sample_of": delivery["sample_of"] if delivery else None,
        "ending": sending["ending"],
        "timeline": {"sent": sending["course"], "delivery": delivery["course"] if delivery else []},
        "tries": tries_of(task, sending=sending, earlier=earlier),
        "ledger": {"where": sending["ledger"], "state": state, "words": words, "words_zh": words_zh},
        "clear": {"words": would, "words_zh": would_zh},
        "links": links_of(task, api=row["api"], summary=summary, root=root),
        "receipts_viewable": viewable,
    }


def facts_of(task: Task, *, sending: Mapping[str, Any], has_ledger: bool | None) -> ClearFacts:
    """Return what decides about a Clear."""
    product = PRODUCTS.get(sending["action"] or "")
    return ClearFacts(
        state=task.state,
        dry_run=sending["dry_run"],
        where=sending["ledger"],
        has_ledger=has_ledger if sending["ledger"] == "airflow" else None,
        total=sending["total"],
        pending=sending["pending"] or 0,
        unknown=sending["unknown"] or 0,
        rejected=sending["rejected"] or 0,
        can_look_up=product is not None and product.can_look_up,
        waits=any(guard["decision"] == "wait" for guard in sending["guards"]),
    )


def tries_of(
    task: Task, *, sending: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """
    Return the tries in their order: what Airflow knows of each, and what the try itself has left.

    Where a task has left nothing of its tries but its result, the only try did all of it.
    """
    own = sending["tries"]
    now = {
        "try_number": task.try_number,
        "state": task.state,
        "started_at": task.began_at,
        "ended_at": task.ended_at,
    }
    # While a try runs, Airflow's record has it as well in some versions.
    known = {each["try_number"]: each for each in [*earlier, now]}
    alone = dict.fromkeys(TRY_COUNTS) | (
        {n: sending[n] for n in TRY_COUNTS} if not earlier and not own else {}
    )
    shown = []
    for number in sorted(known):
        did = own.get(number) or {**alone, "ending": None}
        ending = sending["ending"] if number == task.try_number and did["ending"] is None else did["ending"]
        record = known[number]
        shown.append(
            {
                "try_number": number,
                "state": record["state"],
                "started_at": iso(record["started_at"]),
                "ended_at": iso(record["ended_at"]),
                **{name: did[name] for name in TRY_COUNTS},
                "ending": ending,
            }
        )
    return shown


def links_of(
    task: Task, *, api: str | None, summary: Mapping[str, Any] | None, root: str
) -> dict[str, str | None]:
    """Return the addresses of what belongs to the campaign; None for what has none."""
    page = f"{root}/dags/{quote(task.dag_id, safe='')}/runs/{quote(task.run_id, safe='')}"
    page = f"{page}/tasks/{quote(task.task_id, safe='')}"
    if task.map_index >= 0:
        page = f"{page}/mapped/{task.map_index}"
    path = summary.get("receipts_path") if summary is not None else None
    try:
        receipts = receipts_url(path) if isinstance(path, str) and len(path) < 2000 else ""
    # A text that is no address, such as one with half a bracket.
    except ValueError:
        receipts = ""
    return {
        "log": f"{page}?try_number={task.try_number}",
        "task": f"{page}/details",
        # A page that came over the net may not open a file of this machine.
        "receipts": receipts if receipts.startswith(("https://", "http://")) else None,
        "console": _CONSOLES.get(api or ""),
    }


def summary_in(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the summary among a task's XComs; None for none."""
    return next((values[key] for key in SUMMARY_KEYS if isinstance(values.get(key), dict)), None)

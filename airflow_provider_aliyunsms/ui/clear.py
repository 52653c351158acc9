# SPDX-License-Identifier: Apache-2.0
"""
Say where a campaign's ledger stands, and what a Clear of its task would do now: pure functions of facts.

What they say is decided elsewhere: whether a try may send in ``campaign/ledger/ledger.py``, who is sent to again in
``campaign/run.py`` and ``campaign/endings.py``. ``docs/durability.md`` explains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Words = tuple[str, str]
"""English and Chinese."""

AT_WORK: Final = frozenset({"running", "restarting", "deferred", "up_for_reschedule", "queued", "scheduled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearFacts:
    """
    What decides about it.

    :param state: Airflow's state of the task.
    :param dry_run: the task rehearses.
    :param where: ``airflow``, ``path`` or ``none``: where the ledger is; None where that is not known.
    :param has_ledger: whether the ledger was found in Airflow's store; None where this cannot be looked up.
    :param total: recipients; None where nobody was counted yet.
    :param pending: recipients whose turn has not come.
    :param unknown: recipients of unknown outcome.
    :param rejected: recipients who were refused.
    :param can_look_up: the API can tell later what became of a message (China).
    :param waits: a guard has the task wait.
    """

    state: str | None
    dry_run: bool
    where: str | None
    has_ledger: bool | None
    total: int | None
    pending: int
    unknown: int
    rejected: int
    can_look_up: bool
    waits: bool = False


def ledger_state(facts: ClearFacts) -> tuple[str, Words]:
    """Return a word for the state of the ledger, and a sentence about it."""
    if facts.dry_run:
        return "rehearsal", ("A rehearsal has no ledger.", "演练没有账本。")
    if facts.where == "none":
        return "none", (
            "There is no ledger that outlives the task's process, so only the first try sends.",
            "没有能在任务进程结束后保留的账本，因此只有第一次尝试会发送。",
        )
    if facts.where is None:
        return "unknown", ("It is not known where the ledger is.", "不知道账本在哪里。")
    if facts.has_ledger is False:
        return "missing", (
            "Airflow's store holds no ledger of this task.",
            "Airflow 的存储中没有该任务的账本。",
        )
    if facts.total is None:
        return "begun", ("The ledger has no counts yet.", "账本中还没有计数。")
    if facts.unknown:
        return "open", (
            f"The ledger knows everybody but {facts.unknown} recipients, whose outcome is open.",
            f"账本中有 {facts.unknown} 位收信人结果不明，其余都已确定。",
        )
    if facts.pending:
        return "partial", (
            f"The ledger knows whom the campaign has sent to; {facts.pending} recipients are still to come.",
            f"账本记录了已发送的收信人；还有 {facts.pending} 位收信人尚未轮到。",
        )
    return "complete", ("The ledger knows the outcome of everybody.", "账本记录了所有收信人的结果。")


def would_clear(facts: ClearFacts) -> Words:
    """Return what a Clear of the task would do now."""
    if facts.dry_run:
        return (
            "It would rehearse again: nothing is sent.",
            "会再演练一次：不发送任何短信。",
        )
    if facts.where == "none" or facts.has_ledger is False:
        return (
            "It would refuse and send nothing: without a ledger nobody knows whom the task has sent to. "
            "resend=True sends to everybody again.",
            "会拒绝运行，不发送任何短信：没有账本，就不知道已向谁发送。resend=True 会向所有人再次发送。",
        )
    if facts.where is None or facts.total is None:
        return (
            "It would read the ledger first and send only to those who are not in it; if it finds none although the "
            "task has run before, it refuses and sends nothing.",
            "会先读取账本，只向账本中没有的收信人发送；如果任务曾经运行却找不到账本，则拒绝运行，不发送任何短信。",
        )
    sentences = [
        sentence
        for sentence in (_at_work(facts), _of_pending(facts), _of_unknown(facts), _of_rejected(facts))
        if sentence is not None
    ]
    sentences.append(
        (
            "People who are new in the audience get the message; nobody gets it twice.",
            "名单中新增的收信人会收到短信；不会有人收到两条。",
        )
    )
    return " ".join(english for english, _ in sentences), "".join(chinese for _, chinese in sentences)


def _at_work(facts: ClearFacts) -> Words | None:
    if facts.state not in AT_WORK:
        return None
    if facts.state == "deferred" or facts.waits:
        return (
            "It would end the wait, and the guards are asked anew.",
            "会结束等待，并重新执行各项检查。",
        )
    return (
        "It would end the running try before its next call; the next try goes on from the ledger.",
        "会在下一次调用之前结束当前的尝试；下一次尝试按账本继续。",
    )


def _of_pending(facts: ClearFacts) -> Words | None:
    if facts.pending:
        return (
            f"It would send to the {facts.pending} recipients whose turn has not come, if the guards allow it.",
            f"会向尚未轮到的 {facts.pending} 位收信人发送（须通过各项检查）。",
        )
    if facts.unknown:
        return None
    return (
        "It would send nothing to anybody of this audience, and write the same result and receipts again.",
        "不会再向本名单中的任何人发送，只会重新写出相同的结果和回执。",
    )


def _of_unknown(facts: ClearFacts) -> Words | None:
    if not facts.unknown:
        return None
    if facts.can_look_up:
        return (
            f"It would look up the {facts.unknown} of unknown outcome, and send again only to those of whom it is "
            "proven that the message was not accepted.",
            f"会查证结果不明的 {facts.unknown} 位收信人，只向已证实未被受理的收信人再次发送。",
        )
    return (
        f"It would look for evidence of the {facts.unknown} of unknown outcome while there can be any; this API has "
        "no look-up, so they are not sent to again without resend_unknown=True.",
        f"会在可能的时限内为结果不明的 {facts.unknown} 位收信人查证；该接口无法查询，"
        "除非设置 resend_unknown=True，否则不会再次发送。",
    )


def _of_rejected(facts: ClearFacts) -> Words | None:
    if not facts.rejected:
        return None
    return (
        f"Of the {facts.rejected} who were refused, it sends again to those refused by the gateway for a cause that "
        "is not their own, if the task had failed for too many refusals; to all of them only with "
        "resend_rejected=True.",
        f"对于被拒的 {facts.rejected} 位收信人：如果任务因拒绝过多而失败，"
        "会向并非因自身原因被网关拒绝的收信人再次发送；向全部被拒者再次发送需要 resend_rejected=True。",
    )

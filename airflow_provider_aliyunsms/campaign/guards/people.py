# SPDX-License-Identifier: Apache-2.0
"""Let a campaign go only as people have seen it and agreed to it: the guards ``Rehearsed`` and ``Approved``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict, fail, go
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.parameter_checks import check_texts

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts

_PARTS: Final = ("the template code or the message of the task", "the text of the template", "the audience")
_UNKNOWN: Final = "-"
_EMPTY: Final = (None, "", "None")


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """
    Send only what a rehearsal has shown: the same people in the same order, with the same texts and variables.

    Costs a pass over the audience, and one free read call where the rehearsal knew the text of the template. In a
    later try of a campaign that was sent in part, the whole audience must still be that of the rehearsal.

    :param digest: of the rehearsal: ``rehearsal["digest"]`` in the XCom of a send task with ``dry_run=True``, as
        an XComArg or a template such as ``{{ ti.xcom_pull("rehearsal")["rehearsal"]["digest"] }}``. Example:
        ``"{{ ti.xcom_pull('rehearsal')['rehearsal']['digest'] }}"``. (templated)
    """

    digest: Any
    template_fields: ClassVar[tuple[str, ...]] = ("digest",)

    def before_sending(self, facts: Facts) -> Verdict:
        """Compare audience and texts with those of the rehearsal, and name what differs."""
        if self.digest in _EMPTY:
            return fail("there was no rehearsal", advice="Run the rehearsal of this run first.")
        shown = str(self.digest).split(".")
        if len(shown) != len(_PARTS):
            return fail(
                "the digest is none of a rehearsal",
                advice='Give it rehearsal["digest"] of the XCom of a task with dry_run=True.',
            )
        if shown[1] != _UNKNOWN and None in (facts.templates or {"": None}).values():
            return fail(
                "the template that was rehearsed is not there any more",
                advice="Rehearse again, with a template that the account has.",
            )
        now = facts.digest().split(".")
        if shown[1] == _UNKNOWN:
            now[1] = _UNKNOWN
        changed = [what for what, then, here in zip(_PARTS, shown, now, strict=True) if then != here]
        if not changed:
            return go(f"audience and texts are those of the rehearsal, {facts.ready} recipients")
        return fail(
            f"changed since the rehearsal: {', '.join(changed)}",
            advice="Rehearse again and look at the result, or bring back what was rehearsed. A query needs an "
            "ORDER BY.",
            recipients=facts.ready,
        )


@dataclass(frozen=True, kw_only=True)
class Approved:
    """
    Send only what a person has approved, by Airflow's human-in-the-loop operators (3.1 and later).

    Costs one read of an XCom. An answer that Airflow gave itself, because the time was over, is no approval.

    :param task_id: the id of the ``ApprovalOperator`` in the same run, with its group. Example: ``"approval"``.
    :param by: who may approve: ids or names of Airflow users; by default whoever may answer. Example:
        ``["ann"]``.
    :param option: the option that stands for yes. Example: ``"Yes"``.
    """

    task_id: str
    by: Collection[str] = ()
    option: str = "Approve"

    def __post_init__(self) -> None:
        check_texts(task_id=self.task_id, option=self.option)
        if isinstance(self.by, str):
            raise ConfigurationError("by must be a list of users", advice='Write by=["..."].')

    def before_sending(self, facts: Facts) -> Verdict:
        """Look who has answered what."""
        found = facts.surroundings.xcom(task_id=self.task_id)
        chosen = found.get("chosen_options") if isinstance(found, Mapping) else None
        if not isinstance(chosen, list | tuple):
            return fail(
                f"the task '{self.task_id}' left no answer",
                advice="Let somebody answer it in Airflow, under Required Actions; then clear this task.",
            )
        if [*chosen] != [self.option]:
            return fail(f"it was not approved: {', '.join(map(str, chosen))}", advice="Ask whoever answered.")
        names = _names(found.get("responded_by_user"))
        if not names:
            return fail(
                "nobody has answered: Airflow took the default when the time was over",
                advice="Clear the approval and let a person answer it.",
            )
        if self.by and not names & {*self.by}:
            return fail(
                "it was approved by somebody who is not in by=",
                advice="Let one of those named there approve it.",
            )
        return go("a person has approved it")


def _names(user: object) -> set[str]:
    if not isinstance(user, Mapping):
        return set()
    return {str(user[key]) for key in ("id", "name") if user.get(key) not in _EMPTY}

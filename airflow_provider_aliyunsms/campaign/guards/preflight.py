# SPDX-License-Identifier: Apache-2.0
"""Judge a campaign by what the vendor knows of its template and its signatures, with read calls only."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_aliyunsms.audience.phone_numbers import MAINLAND_CODE, is_mainland
from airflow_provider_aliyunsms.campaign.guards.protocol import fail, go
from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.parameter_checks import check_whole, check_word
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_aliyunsms.audience.spool import SpoolRows
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.guards.protocol import Verdict
    from airflow_provider_aliyunsms.campaign.ports import Signature, Template

OPT_OUT: Final = "拒收请回复R"
"""The end of every promotional text in China; in any other kind of text it is not allowed."""

_KINDS: Final = ("otp", "notification", "promotion", "international")
_CARRIERS: Final = ("mobile", "unicom", "telecom")
_FILED: Final = frozenset({"filed", "filed but unverified"})
_PASSING: Final = frozenset({"in review", "filing"})
_MOST_NAMES: Final = 1000
_SHOWN_NAMES: Final = 5
_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]*)\}")
_GRANT: Final = "The guard needs the RAM actions dysms:GetSmsTemplate and dysms:GetSmsSign."


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """
    Ask the vendor whether the campaign can be sent: its template, the variables of its rows, and its signatures.

    For China it fails when the template does not exist, is not approved, is of another kind than it should be, or is
    not for the numbers of the audience; when a row lacks a value for a variable of the text; when a signature does
    not exist or is not approved. Filing with the carriers, variables that the text does not use, and an opt-out that
    is missing or out of place are told and stop nothing, for the gateway accepts such messages nonetheless.

    It costs one free read call for the template and one for each signature, and a pass over the audience.
    Memory does not grow with the rows. When the vendor cannot be asked, does not allow it or
    gives an answer that cannot be read, it fails and Airflow may retry; it passes only by what the vendor said.

    The API for other countries has no such queries. There it makes no call and fails only for mainland numbers, which
    that API never reaches; the verdict says what is not known.

    :param unfiled: what to do when a carrier has not filed one of the signatures, or the vendor does not tell it:
        ``go`` tells it in the verdict, ``fail`` sends nothing. Carriers drop messages under an unfiled signature.
        Example: ``"fail"``.
    :param kind: the kind that the template must be of: ``otp``, ``notification``, ``promotion`` or
        ``international``; any of these by default. Example: ``"promotion"``.
    :param max_signatures: the largest number of different signatures to ask for; with more it fails. Unit:
        signatures. Example: ``50``.
    :raises ConfigurationError: a parameter is none of these.
    """

    unfiled: Literal["go", "fail"] = "go"
    kind: str | None = None
    max_signatures: int = 20

    def __post_init__(self) -> None:
        check_word("unfiled", self.unfiled, words=("go", "fail"))
        if self.kind is not None:
            check_word("kind", self.kind, words=_KINDS)
        check_whole("max_signatures", self.max_signatures, low=1)

    def before_sending(self, facts: Facts) -> Verdict:
        """Ask for the template, look through the rows, and ask for each signature that they use."""
        if facts.product is GLOBE:
            return _judged_abroad(facts)
        if facts.vendor is None or not facts.template_codes:
            return fail(
                "Template and signatures are not known: this campaign has no way to ask the vendor.",
                advice="Leave Preflight out of guards, or send with an operator that can ask.",
            )
        findings = _Findings()
        try:
            for _ in facts.template_codes:
                findings.count_call()
            templates = [*facts.templates.values()]
        except AliyunSmsError as error:
            return _untold(error, "the template", findings)
        for template in templates:
            findings.add(_template_problems(template, kind=self.kind))
        survey = Survey.of(facts.pending(), templates=templates, max_signatures=self.max_signatures)
        findings.add(_value_problems(survey))
        for template in templates:
            findings.add(_row_problems(survey, template=template))
        findings.figures |= survey.figures()
        if survey.has_too_many_signatures:
            findings.add([_too_many_signatures(self.max_signatures)])
            return findings.verdict("")
        signatures: list[Signature | None] = []
        for name in survey.signatures:
            try:
                findings.count_call()
                signatures.append(facts.signature(name))
            except AliyunSmsError as error:
                return _untold(
                    error, f"signature {len(signatures) + 1} of {len(survey.signatures)}", findings
                )
        findings.add(_signature_problems(signatures, unfiled=self.unfiled))
        findings.figures["filing"] = filing_counts(signatures)
        return findings.verdict(_summary(templates, survey, signatures))


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str
    advice: str
    may_change: bool = False


@dataclass(slots=True)
class _Findings:
    """What was found so far: the problems, so that one try names all of them, and the figures."""

    problems: list[_Problem] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=lambda: {"calls": 0})

    def count_call(self) -> None:
        self.figures["calls"] += 1

    def add(self, problems: Iterable[_Problem]) -> None:
        self.problems.extend(problems)

    def verdict(self, summary: str) -> Verdict:
        if not self.problems:
            return go(summary, **self.figures)
        return fail(
            " ".join(problem.reason for problem in self.problems),
            advice=" ".join(dict.fromkeys(problem.advice for problem in self.problems)),
            # A retry does not help as long as one of the problems stays.
            may_change=all(problem.may_change for problem in self.problems),
            **self.figures,
        )


@dataclass(slots=True, repr=False)
class Survey:
    """
    What the rows say that would be sent to now; its memory does not grow with their number.

    :param variables: the names of the variables of the text; None when the text is not known.
    :param signatures: how many rows use each signature, in the order in which they were found.
    :param missing: how many rows lack a value, by variable.
    :param lacking: how many rows lack at least one value.
    :param surplus: variables that the text does not use, up to 1,000 of them.
    """

    variables: frozenset[str] | None
    recipients: int = 0
    abroad: int = 0
    lacking: int = 0
    signatures: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    surplus: set[str] = field(default_factory=set)
    has_too_many_signatures: bool = False

    @classmethod
    def of(
        cls, blocks: Iterator[SpoolRows], *, templates: Sequence[Template | None], max_signatures: int
    ) -> Survey:
        """
        Look through rows, up to the first signature that is one too many.

        :param templates: those of all groups; every row needs the variables of each, because a split may change.
        """
        names = [variables_of(template.text) for template in templates if template is not None]
        survey = cls(variables=frozenset[str]().union(*names) if names else None)
        for rows in blocks:
            survey._add(rows)
            if len(survey.signatures) > max_signatures:
                survey.has_too_many_signatures = True
                break
        return survey

    def figures(self) -> dict[str, Any]:
        """Return the counts."""
        figures: dict[str, Any] = {"recipients": self.recipients, "signatures": len(self.signatures)}
        if self.variables is not None:
            figures |= {
                "variables": len(self.variables),
                "surplus_variables": len(self.surplus),
                "recipients_lacking_a_value": self.lacking,
            }
        return figures

    def _add(self, rows: SpoolRows) -> None:
        # Imported here, because a DAG file imports this module when it is parsed.
        from airflow_provider_aliyunsms.audience.content import read_content

        self.recipients += len(rows.members.numbers)
        self.abroad += sum(not is_mainland(number) for number in rows.members.numbers)
        for content in rows.members.contents:
            fields = read_content(content)
            self.signatures[fields["sign_name"]] += 1
            if self.variables is not None:
                self._compare(self.variables, fields["template_param"])

    def _compare(self, wanted: frozenset[str], given: dict[str, Any]) -> None:
        # Nearly always the names are exactly those of the text, and every one has a value.
        if given.keys() == wanted and all(given.values()):
            return
        missing = [name for name in wanted if not given.get(name)]
        self.missing.update(missing)
        self.lacking += bool(missing)
        if len(self.surplus) < _MOST_NAMES:
            self.surplus.update(given.keys() - wanted)


def variables_of(text: str) -> frozenset[str]:
    """Return the names of the ``${name}`` placeholders of a text."""
    return frozenset(name.strip() for name in _PLACEHOLDER.findall(text))


def filing_counts(signatures: Iterable[Signature | None]) -> dict[str, dict[str, int]]:
    """
    Return for each carrier how many signatures are in which state of filing.

    A carrier of which the vendor says nothing counts as ``unknown``; a signature that does not exist does not count.
    """
    counts: dict[str, Counter[str]] = {}
    for signature in signatures:
        if signature is None:
            continue
        for carrier in dict.fromkeys((*_CARRIERS, *signature.carriers)):
            counts.setdefault(carrier, Counter())[signature.carriers.get(carrier, "unknown")] += 1
    return {carrier: dict(states) for carrier, states in counts.items()}


def _template_problems(template: Template | None, *, kind: str | None) -> Iterator[_Problem]:
    if template is None:
        yield _Problem(
            "The account has no such template.", "Correct template_code: the console lists the templates."
        )
        return
    if template.status != "approved":
        yield _Problem(
            f"The template is not approved: {template.status}.",
            "Wait for the vendor's review, or correct the template in the console.",
            may_change=template.status in _PASSING,
        )
    if not template.text.strip():
        yield _Problem(
            "The vendor did not tell the text of the template.",
            f"Let the task retry. {_GRANT}",
            may_change=True,
        )
    if template.kind not in _KINDS:
        yield _Problem(
            f"The template is of a kind that is not known: {template.kind}.",
            "Look the template up in the console; without Preflight in guards it is sent unchecked.",
        )
    elif kind is not None and template.kind != kind:
        yield _Problem(
            f"The template is of the kind {template.kind}, not {kind}.",
            "Correct template_code, or kind of Preflight.",
        )


def _value_problems(survey: Survey) -> Iterator[_Problem]:
    if survey.missing:
        names = sorted(survey.missing)
        shown = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
        yield _Problem(
            f"Of {survey.recipients:,} recipients {survey.lacking:,} lack a value for a variable of the template"
            f" ({shown}).",
            "Name the columns as the variables of the template, or give defaults in template_param.",
        )


def _row_problems(survey: Survey, *, template: Template | None) -> Iterator[_Problem]:
    if template is None:
        return
    mainland = survey.recipients - survey.abroad
    if template.kind == "international" and mainland:
        yield _Problem(
            f"The template is for numbers abroad, and of {survey.recipients:,} recipients {mainland:,} are not.",
            "Use a template for the mainland, or send to numbers abroad with a task of their own.",
        )
    if template.kind in _KINDS and template.kind != "international" and survey.abroad:
        yield _Problem(
            f"The template is for mainland numbers, and of {survey.recipients:,} recipients"
            f" {survey.abroad:,} are not.",
            "Use an international template for them, in a task of their own.",
        )


def _too_many_signatures(most: int) -> _Problem:
    return _Problem(
        f"The rows use more than {most} different signatures.",
        "Look at the column sign_name; raise max_signatures of Preflight if that many are right.",
    )


def _signature_problems(signatures: Sequence[Signature | None], *, unfiled: str) -> Iterator[_Problem]:
    for place, signature in enumerate(signatures, start=1):
        # Not by its name, which is kept out of logs; by the order in which the rows bring the signatures.
        which = "The signature" if len(signatures) == 1 else f"Signature {place} of {len(signatures)}"
        if signature is None:
            yield _Problem(
                f"{which} does not exist in the account.",
                "Correct sign_name: the exact text, without brackets; they are counted in the order of the rows.",
            )
            continue
        if signature.status != "approved":
            yield _Problem(
                f"{which} is not approved: {signature.status}.",
                "Wait for the vendor's review of the signature, or use another one.",
                may_change=signature.status in _PASSING,
            )
        if unfiled == "fail" and (open_states := _unfiled(signature)):
            yield _Problem(
                f"{which} is not filed with every carrier ({_listed(open_states)}).",
                "File the signature with the carriers in the console, or accept it with Preflight(unfiled='go').",
                may_change=all(state in _PASSING for _, state in open_states),
            )


def _unfiled(signature: Signature) -> list[tuple[str, str]]:
    carriers = {**dict.fromkeys(_CARRIERS, "unknown"), **signature.carriers}
    return [(carrier, state) for carrier, state in carriers.items() if state not in _FILED]


def _listed(states: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{carrier}: {state}" for carrier, state in states)


def _untold(error: AliyunSmsError, what: str, findings: _Findings) -> Verdict:
    """Return the verdict for a question that was not answered; it never passes, and a retry may be answered."""
    code = f" ({error.code})" if error.code else ""
    known = "".join(f" {problem.reason}" for problem in findings.problems)
    return fail(
        f"The vendor did not tell about {what}: {error.message.rstrip('.')}{code}.{known}",
        advice=f"Nothing was sent. Let the task retry, and look at the code if it stays. {_GRANT}",
        # An answer does not help where something else stands against the campaign and stays.
        may_change=all(problem.may_change for problem in findings.problems),
        **findings.figures,
    )


def _summary(
    templates: Sequence[Template | None], survey: Survey, signatures: Sequence[Signature | None]
) -> str:
    known = [template for template in templates if template is not None]
    kinds = ", ".join(dict.fromkeys(template.kind for template in known))
    subject = "The template is" if len(known) == 1 else f"The {len(known)} templates are"
    states = [
        (carrier, " and ".join(f"{state} ({count})" for state, count in sorted(counts.items())))
        for carrier, counts in filing_counts(signatures).items()
    ]
    notes = [
        f"{subject} approved ({kinds}), all {survey.recipients:,} recipients have"
        f" {'its' if len(known) == 1 else 'their'} variables ({len(survey.variables or ())}),"
        f" and the signatures are approved: {len(signatures)}."
    ]
    if states:
        notes.append(f"Filing of the signatures: {_listed(states)}.")
    if survey.surplus:
        notes.append(f"Variables of the rows that the template does not use: {len(survey.surplus)}.")
    notes += dict.fromkeys(note for template in known for note in _notes_on_text(template))
    return " ".join(notes)


def _notes_on_text(template: Template) -> Iterator[str]:
    ends_with_it = template.text.rstrip().endswith(OPT_OUT)
    if template.kind == "promotion" and not ends_with_it:
        yield f"The promotional text does not end with {OPT_OUT}: carriers refuse such messages."
    if template.kind in ("otp", "notification") and OPT_OUT in template.text:
        yield f"The text holds {OPT_OUT}, which belongs to promotional texts only."
    if template.kind == "otp":
        yield "It is for one-time passwords: a number gets 1 a minute, 5 an hour, 10 a day."


def _judged_abroad(facts: Facts) -> Verdict:
    recipients = mainland = 0
    for rows in facts.pending():
        numbers = rows.members.numbers
        recipients += len(numbers)
        national = (each[len(MAINLAND_CODE) :] for each in numbers if each.startswith(MAINLAND_CODE))
        mainland += sum(map(is_mainland, national))
    figures: dict[str, Any] = {"calls": 0, "recipients": recipients, "mainland_recipients": mainland}
    if mainland:
        return fail(
            f"Of {recipients:,} recipients {mainland:,} are in the mainland, which this API never reaches.",
            advice="Leave CN in refused_regions, and send to mainland numbers with AliyunSendBatchSmsOperator.",
            **figures,
        )
    return go(
        f"None of {recipients:,} recipients is in the mainland, and their texts are complete. The API has no queries,"
        " so whether the sender ID is approved and the texts are allowed is not known.",
        **figures,
    )

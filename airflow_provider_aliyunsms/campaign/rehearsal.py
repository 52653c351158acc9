# SPDX-License-Identifier: Apache-2.0
"""Tell what a campaign would do if it were sent now: figures, masked messages, and a page of text for people."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.audience.content import read_content
from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_aliyunsms.campaign.guards import Facts

SHOWN: Final = 3
"""Messages that are shown."""

_COMPARED: Final = 50
"""Messages of which the words that all of them have are taken for the text, and others for values."""

_ENOUGH: Final = 20
"""Different texts of which the words that all of them have are taken for no values."""

_MASK: Final = "***"
_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]*)\}")
_WORDS: Final = re.compile(r"\s+|[^\s\w]|\w+", re.UNICODE)


def rehearse(facts: Facts, *, guards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Return the figures of a campaign as it would be sent now, and a page of text with the same.

    Costs two passes over the audience, and no call. The parts of a China campaign are known once a guard has asked
    for the text of the template (``Preflight``).

    :param facts: what is known of the campaign, with nobody sent to.
    :param guards: what the guards decided, as :attr:`.GuardJudge.records`.
    """
    counts = facts.counts
    calls = -(-counts.pending // facts.chunk_size)
    pace = facts.calls_per_second
    found: dict[str, Any] = {
        "api": facts.api,
        "recipients": counts.pending,
        "rejected": counts.rejected,
        "skipped": counts.skipped,
        "calls": calls,
        "minutes": round(calls / pace / 60, 1) if pace else None,
        "parts": None,
        "cost": next((each["figures"]["cost"] for each in guards if "cost" in each["figures"]), None),
        "messages": [*_first_messages(facts)],
        "digest": facts.digest(),
    }
    if facts.product is GLOBE or facts.known_templates:
        parts = facts.parts()
        if parts is not None:
            found |= {"parts": parts.parts, "longest": parts.longest}
    told = [
        *summary_lines(found),
        *(f"Guard {each['guard']}: {each['decision']}: {each['reason']}" for each in guards),
        *(f"Message to {each['number']}: {each['text']}" for each in found["messages"]),
    ]
    return {**found, "page": "\n".join(told)}


def summary_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the figures of a rehearsal as lines for the log, without any message."""
    return [
        f"{found['recipients']} recipients in {found['calls']} calls of {found['api']}; "
        f"{found['rejected']} rows rejected, {found['skipped']} skipped.",
        f"Parts to be billed: {found['parts']}, {found['longest']} at most for one message."
        if found["parts"] is not None
        else "Parts to be billed: not known without the text of the template; add Preflight() to the guards.",
        f"Cost: {found['cost']}." if found["cost"] else "Cost: not known; add MaxCost(...) to the guards.",
        f"At the pace that is set: {found['minutes']} minutes."
        if found["minutes"] is not None
        else "No pace is set: as fast as the gateway answers.",
        f"Digest: {found['digest']}",
    ]


def _first_messages(facts: Facts) -> Iterable[dict[str, str]]:
    first: list[tuple[str, dict[str, Any]]] = []
    for rows in facts.pending():
        pairs = zip(rows.members.numbers, rows.members.contents, strict=True)
        first += [(number, read_content(content)) for number, content in pairs][: _COMPARED - len(first)]
        if len(first) >= _COMPARED:
            break
    if facts.product is GLOBE:
        texts = mask_values([fields["message"] for _, fields in first], literal=facts.message)
    else:
        texts = [_masked_template(fields, text=facts.known_text(number)) for number, fields in first[:SHOWN]]
    for (number, _), text in zip(first[:SHOWN], texts, strict=False):
        yield {"number": mask_number(number), "text": text}


def _masked_template(fields: Mapping[str, Any], *, text: str | None) -> str:
    """Return the message with its values masked; where the text is not known, the names of the variables."""
    values: Mapping[str, str] = fields["template_param"]
    if not text:
        named = ", ".join(f"{name}: {_mask(value)}" for name, value in values.items())
        return f"【{fields['sign_name']}】 ({named})" if named else f"【{fields['sign_name']}】"
    filled = _PLACEHOLDER.sub(lambda found: _mask(values.get(found[1].strip(), "")), text)
    return f"【{fields['sign_name']}】{filled}"


def _mask(value: str) -> str:
    # The first character tells whether the right column was taken; of a short value it would tell too much.
    return value[0] + _MASK if len(value) > _SHORT else _MASK


_SHORT: Final = 2


def mask_values(texts: Sequence[str], *, literal: str | None = None) -> list[str]:
    """
    Return finished texts with everything masked that is not the same in all of them.

    A finished text does not say which of its words were filled in. A word counts as text if all messages have it, and
    if it stands in the text of the task; where every row has a text of its own, if there are some dozens of different
    ones, because the values of a few people are often the same. What holds a digit is taken for a value. A single
    message is masked whole.

    :param literal: the text of the task with its ``${name}`` placeholders; None where there is none.
    """
    split = [_WORDS.findall(text) for text in texts]
    seen = Counter(word for words in split for word in {*words})
    common = {word for word, count in seen.items() if count == len(split) > 1}
    if literal:
        common &= {*_WORDS.findall(_PLACEHOLDER.sub(" ", literal))}
    elif len({*texts}) < _ENOUGH:
        common = set()
    return [_join(words, common=common) for words in split]


def _join(words: Sequence[str], *, common: set[str]) -> str:
    shown = [
        word if word.isspace() or (word in common and not any(map(str.isdigit, word))) else _MASK
        for word in words
    ]
    # Neighbours that are masked become one mask, so that their number tells nothing.
    kept: list[str] = []
    for word in shown:
        if not (word == _MASK and kept and kept[-1] == _MASK):
            kept.append(word)
    return "".join(kept)

# SPDX-License-Identifier: Apache-2.0
"""Count the parts in which a text is sent and billed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.content import json_text, read_content, shared_content

if TYPE_CHECKING:
    from collections.abc import Sequence

# The basic characters of GSM 03.38, and those that take two places there.
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = set("|^€{}[]~\\\f")
_GSM_BOTH = _GSM | _GSM_DOUBLE
_FIRST_PAIR = "\U00010000"
_GSM_SINGLE_PART, _GSM_PART = 160, 153
_WIDE_SINGLE_PART, _WIDE_PART = 70, 67
_QUOTES = 4
"""Quotes around one name and its value."""

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


def china_parts(length: int) -> int:
    """Return the parts of a text in China, by its characters with the signature and its brackets."""
    return _parts(length, _WIDE_SINGLE_PART, _WIDE_PART)


def globe_parts(text: str) -> int:
    """
    Return the parts of a text outside China; one character beside the GSM alphabet makes all of them wide.

    A character that takes two places (``€`` of the GSM alphabet, an emoji of a wide text) is never divided between
    two parts, so that the part before it may stay one place short.
    """
    used = {*text}
    if used <= _GSM:
        return _parts(len(text), _GSM_SINGLE_PART, _GSM_PART)
    if used <= _GSM_BOTH:
        double = [character in _GSM_DOUBLE for character in text]
        return _undivided_parts(double, _GSM_SINGLE_PART, _GSM_PART)
    # Counted as UTF-16 does: a character beyond the first 65,536 takes two places.
    if max(used) < _FIRST_PAIR:
        return _parts(len(text), _WIDE_SINGLE_PART, _WIDE_PART)
    return _undivided_parts([character >= _FIRST_PAIR for character in text], _WIDE_SINGLE_PART, _WIDE_PART)


def _parts(length: int, single: int, part: int) -> int:
    return 1 if length <= single else -(-length // part)


def _undivided_parts(double: Sequence[bool], single: int, part: int) -> int:
    """
    Return the parts of a text some of whose characters take two places.

    3GPP TS 23.040 (9.2.3.24.1) forbids to divide an escape sequence, and no phone joins the halves of a UTF-16 pair.
    Plain division would count 152 letters, a euro sign and 152 letters as two parts; they are three.
    """
    if len(double) + sum(double) <= single:
        return 1
    parts, free = 1, part
    for is_double in double:
        places = 1 + is_double
        if places > free:
            parts += 1
            free = part
        free -= places
    return parts


@dataclass(slots=True, kw_only=True)
class PartsCount:
    """
    The parts of all messages of an audience.

    :param text: the text of the template, for China; None for messages that are finished texts.
    :param missing: the variables of the template that some message has no value for.
    :param by_group: the parts of the messages that were added with a group, by group.
    """

    text: str | None = None
    messages: int = 0
    parts: int = 0
    longest: int = 0
    missing: set[str] = field(default_factory=set)
    by_group: dict[str, int] = field(default_factory=dict)
    # The placeholders of the text in their order, and its characters without them.
    _names: tuple[str, ...] = field(init=False, repr=False)
    _fixed: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = self.text or ""
        self._names = tuple(name.strip() for name in _PLACEHOLDER.findall(text))
        self._fixed = len(_PLACEHOLDER.sub("", text))

    def add(self, content: str, *, group: str | None = None) -> None:
        """Count one recipient's message, given as its content."""
        fields = read_content(content)
        if self.text is None:
            parts = globe_parts(fields["message"])
        else:
            length = self._filled_length(fields["template_param"])
            parts = china_parts(length + len(fields["sign_name"]) + len("【】"))
        self.messages += 1
        self.parts += parts
        self.longest = max(self.longest, parts)
        if group is not None:
            self.by_group[group] = self.by_group.get(group, 0) + parts

    def add_all(self, contents: Sequence[str]) -> None:
        """Count the messages of several recipients; plain values in a template cost a fraction of :meth:`add`."""
        lengths = self._lengths(contents)
        if lengths is None:
            for content in contents:
                self.add(content)
            return
        for length, times in Counter(lengths).items():
            parts = china_parts(length)
            self.messages += times
            self.parts += parts * times
            self.longest = max(self.longest, parts)

    def _lengths(self, contents: Sequence[str]) -> list[int] | None:
        """Return the length of each message without reading the values; None where they must be looked at."""
        shared = shared_content(contents) if self.text is not None and contents else None
        if shared is None:
            return None
        texts = shared.template_params
        names = sorted(read_content(texts[0]))
        # Each name once in the text, so that its value counts once.
        if names != sorted(self._names) or any("\\" in text for text in texts):
            return None
        # Without a backslash there is no quote within a value, so that quotes tell where names and values stand.
        marks = [f'{json_text(name)}:"' for name in names]
        if not all(
            text.count('"') == _QUOTES * len(marks) and all(mark in text for mark in marks) for text in texts
        ):
            return None
        around = len("{}") + sum(len(mark) + 1 for mark in marks) + max(len(marks) - 1, 0)
        base = self._fixed + len(shared.sign_name) + len("【】") - around
        return [base + len(text) for text in texts]

    def take_in(self, other: PartsCount) -> None:
        """Add what another count has found, of messages with another text."""
        self.messages += other.messages
        self.parts += other.parts
        self.longest = max(self.longest, other.longest)
        self.missing |= other.missing
        for group, parts in other.by_group.items():
            self.by_group[group] = self.by_group.get(group, 0) + parts

    def _filled_length(self, variables: dict[str, str]) -> int:
        length = self._fixed
        for name in self._names:
            if name in variables:
                length += len(variables[name])
            else:
                self.missing.add(name)
        return length

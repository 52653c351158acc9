# SPDX-License-Identifier: Apache-2.0
"""Count the parts in which a text is sent and billed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_aliyunsms.audience.content import read_content

# The basic characters of GSM 03.38, and those that take two places there.
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = set("|^€{}[]~\\\f")
_GSM_SINGLE_PART, _GSM_PART = 160, 153
_WIDE_SINGLE_PART, _WIDE_PART = 70, 67
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


def china_parts(length: int) -> int:
    """Return the parts of a text in China, by its characters with the signature and its brackets."""
    return _parts(length, _WIDE_SINGLE_PART, _WIDE_PART)


def globe_parts(text: str) -> int:
    """Return the parts of a text outside China; one character beside the GSM alphabet makes all of them wide."""
    used = {*text}
    if used <= _GSM:
        return _parts(len(text), _GSM_SINGLE_PART, _GSM_PART)
    if used <= _GSM | _GSM_DOUBLE:
        places = len(text) + sum(character in _GSM_DOUBLE for character in text)
        return _parts(places, _GSM_SINGLE_PART, _GSM_PART)
    # Counted as UTF-16 does: an emoji takes two places.
    return _parts(len(text.encode("utf-16-le", "surrogatepass")) // 2, _WIDE_SINGLE_PART, _WIDE_PART)


def _parts(length: int, single: int, part: int) -> int:
    return 1 if length <= single else -(-length // part)


@dataclass(slots=True, kw_only=True)
class PartsCount:
    """
    The parts of all messages of an audience.

    :param text: the text of the template, for China; None for messages that are finished texts.
    """

    text: str | None = None
    messages: int = 0
    parts: int = 0
    longest: int = 0
    missing: set[str] = field(default_factory=set)

    def add(self, content: str) -> None:
        """Count one recipient's message, given as its content."""
        fields = read_content(content)
        if self.text is None:
            parts = globe_parts(fields["message"])
        else:
            filled = self._filled(self.text, fields["template_param"])
            parts = china_parts(len(filled) + len(fields["sign_name"]) + len("【】"))
        self.messages += 1
        self.parts += parts
        self.longest = max(self.longest, parts)

    def _filled(self, text: str, variables: dict[str, str]) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found.group(1).strip()
            if name not in variables:
                self.missing.add(name)
            return variables.get(name, "")

        return _PLACEHOLDER.sub(value_of, text)

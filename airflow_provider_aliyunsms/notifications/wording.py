# SPDX-License-Identifier: Apache-2.0
"""
Make a template variable of any text: an alert that is refused for its wording is no alert.

The rules are those of https://help.aliyun.com/zh/sms/user-guide/message-template-specifications.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 35
NOTHING: Final = "-"

_URL: Final = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)\S+")
# Without a scheme it takes a top-level domain to be taken for a link; "etl.load" stays as it is.
_BARE_HOST: Final = re.compile(
    r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|cn|net|org|io|co|me|cc|top|xyz|vip|info|biz|dev|app|cloud|ai)\b(?:/\S*)?"
)
_BRACKETS: Final = str.maketrans(dict.fromkeys("【〖『「", "(") | dict.fromkeys("】〗』」", ")"))
_PLAIN_SYMBOLS: Final = frozenset("$+<=>^`|~¥￥")


def fit_variable(value: object) -> str:
    """
    Give 1 to 35 characters the API takes: no links, no brackets of its own, no emoji, no ornaments.

    Traditional characters, which it refuses too, are left alone: they cannot be told by the character.
    """
    text = "" if value is None else str(value)
    text = _URL.sub("", text)
    text = _BARE_HOST.sub(lambda found: found[0].partition("/")[0].replace(".", " "), text)
    cleaned = "".join(_allowed(character) for character in text.translate(_BRACKETS))
    # again: what a line end held apart may have come together
    return " ".join(cleaned.split())[:MAX_LENGTH].strip() or NOTHING


def _allowed(character: str) -> str:
    if character in _PLAIN_SYMBOLS:
        return character
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\r\n\v\f":
        return " "
    if category in ("Lu", "Ll", "Lo", "Lt", "Lm", "Nd", "Nl", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"):
        # a bullet and its like are punctuation to Unicode and ornaments to the API
        return "" if character in "•‣⁃※·†‡" else character
    if category in ("No", "So", "Sm"):
        # ² and ① become digits, ™ becomes TM; what does not come down to ASCII is dropped
        plain = unicodedata.normalize("NFKC", character)
        return plain if plain.isascii() and plain.isprintable() and plain != character else ""
    return ""

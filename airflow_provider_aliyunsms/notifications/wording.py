# SPDX-License-Identifier: Apache-2.0
"""
Turn any text into a value that the API accepts as a template variable.

The API refuses a message for a forbidden character in a variable, and the alert would not be sent.

The rules are those of https://help.aliyun.com/zh/sms/user-guide/message-template-specifications.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 35
NOTHING: Final = "-"

_URL: Final = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)\S+")
# A text without a scheme is taken for a link only when it ends in a top-level domain; "etl.load" stays as it is.
_BARE_HOST: Final = re.compile(
    r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|cn|net|org|io|co|me|cc|top|xyz|vip|info|biz|dev|app|cloud|ai)\b(?:/\S*)?"
)
_BRACKETS: Final = str.maketrans(dict.fromkeys("【〖『「", "(") | dict.fromkeys("】〗』」", ")"))
_PLAIN_SYMBOLS: Final = frozenset("$+<=>^`|~¥￥")


def fit_variable(value: object) -> str:
    """
    Return a value as a text of 1 to 35 characters that the API accepts as a template variable.

    Links, emoji and ornaments are taken out. A host name without a scheme stays, with blanks instead of its dots, and
    the special brackets that the API refuses become round ones. A text of which nothing is left becomes ``-``.
    Traditional Chinese characters, which the API refuses too, stay: a single character does not show whether it is
    one.

    :param value: anything; None becomes ``-``.
    """
    text = "" if value is None else str(value)
    text = _URL.sub("", text)
    text = _BARE_HOST.sub(lambda found: found[0].partition("/")[0].replace(".", " "), text)
    cleaned = "".join(_allowed(character) for character in text.translate(_BRACKETS))
    # Cut and strip after the white space is joined: the cut may leave a blank at the end.
    return " ".join(cleaned.split())[:MAX_LENGTH].strip() or NOTHING


def _allowed(character: str) -> str:
    if character in _PLAIN_SYMBOLS:
        return character
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\r\n\v\f":
        return " "
    if category in ("Lu", "Ll", "Lo", "Lt", "Lm", "Nd", "Nl", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"):
        # Unicode counts bullets and similar signs as punctuation; the API counts them as ornaments.
        return "" if character in "•‣⁃※·†‡" else character
    if category in ("No", "So", "Sm"):
        # ² and ① become digits, ™ becomes TM. A character that has no such ASCII form is dropped.
        plain = unicodedata.normalize("NFKC", character)
        return plain if plain.isascii() and plain.isprintable() and plain != character else ""
    return ""

# SPDX-License-Identifier: Apache-2.0
"""
Word an alert so that it is sent whatever is in it: unknown names become dashes, values what the API accepts.

The API refuses a message for a forbidden character in a variable, and the alert would not be sent. The
rules are those of https://help.aliyun.com/zh/sms/user-guide/message-template-specifications.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2

MAX_LENGTH: Final = 35
NOTHING: Final = "-"

_URL: Final = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)\S+")
# A text without a scheme is taken for a link only when it ends in a top-level domain; "etl.load" stays as it is.
_BARE_HOST: Final = re.compile(
    r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|cn|net|org|io|co|me|cc|top|xyz|vip|info|biz|dev|app|cloud|ai)\b(?:/\S*)?"
)
_BRACKETS: Final = str.maketrans(dict.fromkeys("【〖『「", "(") | dict.fromkeys("】〗』」", ")"))
_PLAIN_SYMBOLS: Final = frozenset("$+<=>^`|~¥￥")


class Dash(jinja2.ChainableUndefined):
    """An unknown name: it is written as a dash, and so is everything that is asked of it."""

    def __str__(self) -> str:
        return NOTHING

    def __call__(self, *_args: Any, **_kwargs: Any) -> Dash:  # type: ignore[override]
        """Return itself: what an unknown function returns is not known either."""
        return self


def render_leniently(
    template: Any, *, render: Callable[[Any, jinja2.Environment], Any], environment: jinja2.Environment
) -> Any:
    """
    Render a template, or the ones in a mapping or list, each by itself; what cannot be rendered at all is a dash.

    :param template: a text, or a mapping or list of them.
    :param render: renders one template in an environment.
    :param environment: the one whose names are strict.
    """
    if isinstance(template, Mapping):
        return {
            name: render_leniently(value, render=render, environment=environment)
            for name, value in template.items()
        }
    if isinstance(template, list | tuple | set | frozenset):
        return [render_leniently(value, render=render, environment=environment) for value in template]
    for tried in (environment, environment.overlay(undefined=Dash)):
        try:
            return render(template, tried)
        except Exception:  # noqa: BLE001, S112 - a template may raise anything; the field was named in the log already
            continue
    return NOTHING


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

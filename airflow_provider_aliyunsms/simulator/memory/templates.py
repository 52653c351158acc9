# SPDX-License-Identifier: Apache-2.0
"""Hold the texts of templates and render messages from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEMPLATES = 1000
LONGEST_TEXT = 2000
"""Characters of a template's text, and of a message."""

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class Templates:
    """Hold the texts set for template codes; a template without a text renders as its code and all variables."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, texts: Mapping[str, str]) -> None:
        """Set the texts of template codes, with ``${name}`` placeholders."""
        self._texts.update(texts)

    def all(self) -> dict[str, str]:
        """Return the texts by template code."""
        return dict(self._texts)

    def render(self, *, code: str, sign_name: str, values: Mapping[str, str]) -> str | None:
        """Return the text of a message as a phone shows it, or None if a variable of the template has no value."""
        text = self._texts.get(code)
        if text is None:
            body = "，".join(f"{name}: {value}" for name, value in values.items())
            return f"【{sign_name}】{code}" + (f" {body}" if body else "")
        try:
            return f"【{sign_name}】" + _PLACEHOLDER.sub(lambda match: values[match[1]], text)
        except KeyError:
            return None

    def clear(self) -> None:
        """Remove all texts."""
        self._texts.clear()

# SPDX-License-Identifier: Apache-2.0
"""
Write ``docs/api/index.md``, the reference, from the list of public names in ``docs/public_names.toml``.

``python docs/build_api.py`` after a change of the list; a test says when it was forgotten.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "api" / "index.md"
_HEAD = """\
# API reference

What a DAG or a test may import. Everything else may change without notice.

Parameters of operators, sensor, notifier, task group and guards stand on their pages, with defaults, units and
examples.

This page is written by `python docs/build_api.py` from `docs/public_names.toml`; do not edit it.
"""


def sections() -> list[dict[str, Any]]:
    """Return the list, section by section."""
    text = (HERE / "public_names.toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["sections"]
    return found


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, *(_section(each) for each in sections())])


def _section(section: dict[str, Any]) -> str:
    module = section["module"]
    parts = [f"## {section['title']}\n", f"`{module}`\n"]
    if "text" in section:
        parts.append(section["text"] + "\n")
    directives = [_directive(module, name, members) for name, members in section["names"].items()]
    return "\n".join([*parts, "```{eval-rst}", "\n\n".join(directives), "```", ""])


def _directive(module: str, name: str, members: list[str]) -> str:
    if name == "*":
        return f".. automodule:: {module}\n   :members:"
    if name.isupper():
        return f".. autodata:: {module}.{name}\n   :no-value:"
    if name.islower() and not name.startswith("send_aliyun"):
        return f".. autofunction:: {module}.{name}"
    if name.islower():
        return f".. py:data:: {module}.{name}"
    lines = [f".. autoclass:: {module}.{name}"]
    if members == ["*"]:
        lines += ["   :members:", "   :undoc-members:"]
    elif members:
        lines.append(f"   :members: {', '.join(members)}")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""
Keep the API reference short: a part of ``conf.py``.

What has a table of parameters (``build_parameters.py``) has it once: the reference names the page instead of
repeating the parameters, and shows a class without its signature of forty of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import build_parameters

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def page_of(name: str) -> str | None:
    """Return the page with the parameters of a class or function, None when it has no table."""
    table = build_parameters.TABLES.get(name)
    if table is not None:
        return table.page
    is_guard = name in {place.name for place in build_parameters.GUARD_PLACES}
    return build_parameters.GUARD_PAGE if is_guard else None


def shorten(_app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Replace the parameters of a docstring by the page that has them."""
    page = page_of(_short(what, name))
    if page is None:
        return
    kept = re.sub(r"^:param \w+:.*\n(?:[ \t]+\S.*\n)*", "", "\n".join([*lines, ""]), flags=re.MULTILINE)
    link = f"Parameters: :doc:`/{page.removesuffix('.md')}`."
    head, mark, tail = kept.partition("\n:raises")
    lines[:] = f"{head.rstrip()}\n\n{link}\n{mark}{tail}".splitlines()


def hide_signature(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, _signature: str, _returns: str
) -> tuple[str, str] | None:
    """Show dots for the parameters that have a table."""
    return ("(...)", "") if page_of(_short(what, name)) else None


def _short(what: str, name: str) -> str:
    return ".".join(name.split(".")[-2:]) if what == "method" else name.rpartition(".")[2]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it with Sphinx."""
    app.connect("autodoc-process-docstring", shorten)
    app.connect("autodoc-process-signature", hide_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

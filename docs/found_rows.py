# SPDX-License-Identifier: Apache-2.0
"""
Let the search of the site find error codes and parameters: a part of ``conf.py``.

Sphinx searches words, and for a code or a parameter that would end at the top of a long page. Here each row of such a
table gets an anchor, ``errors.html#code-isv-business-limit-control``, and its name becomes an object of the site's
inventory, as a class is: the search then lists it by its whole name, whatever part of it was typed, and leads to the
row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from docutils import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.domains.std import StandardDomain

KINDS: Final = {
    "smscode": ("error code", 0),
    "smscode_zh": ("错误码", 1),
    "smsparameter": ("parameter", 0),
    "smsparameter_zh": ("参数", 1),
}
"""
Kind of object -> what the search says it is, and how early it comes (0 is first).

A name may be there once for each kind, so the pages of each language have their own.
"""

ERROR_PAGES: Final = ("errors", "errors.zh-CN")
_MARK: Final = re.compile(r"parameters of (\w+): (begin|end)")


def anchor(name: str, *, of: str) -> str:
    """Return the anchor of a row."""
    return f"{of}-{nodes.make_id(name)}"


def mark_rows(app: Sphinx, doctree: nodes.document) -> None:
    """Give the rows of a table their anchors and names; of a name with two rows, the first counts."""
    domain = cast("StandardDomain", app.env.get_domain("std"))
    what = "code" if app.env.docname in ERROR_PAGES else "parameter"
    kind = f"sms{what}_zh" if app.env.docname.endswith(".zh-CN") else f"sms{what}"
    seen: set[str] = set()
    for name, row in _codes(doctree) if what == "code" else _parameters(doctree):
        target = anchor(name, of=what)
        if target not in seen:
            seen.add(target)
            row["ids"].append(target)
            domain.note_object(kind, name, target, location=row)
        # for site.css
        table = row.parent.parent.parent
        table["classes"] = ["rows", f"{what}s"]


def _codes(doctree: nodes.document) -> Iterator[tuple[str, nodes.row]]:
    for body in doctree.findall(nodes.tbody):
        yield from _rows(body)


def _parameters(doctree: nodes.document) -> Iterator[tuple[str, nodes.row]]:
    """Yield the parameters below the marks of ``build_parameters.py``; of guards, the heading names the owner."""
    owner = ""
    for node in doctree.findall(
        lambda each: isinstance(each, nodes.title | nodes.comment | nodes.raw | nodes.tbody)
    ):
        if isinstance(node, nodes.tbody):
            for name, row in _rows(node) if owner else ():
                yield f"{owner}.{name}", row
        elif isinstance(node, nodes.title):
            owner = owner and node.astext()
        elif mark := _MARK.search(node.astext()):
            owner = mark[1] if mark[2] == "begin" else ""


def _rows(body: nodes.tbody) -> Iterator[tuple[str, nodes.row]]:
    for row in body.findall(nodes.row):
        name = next(iter(row.findall(nodes.literal)), None)
        if name is not None:
            yield name.astext(), row


def order_results(app: Sphinx) -> None:
    """Say which of them come first."""
    domain = app.env.get_domain("std")
    for kind, (_, priority) in KINDS.items():
        domain.object_types[kind].attrs["searchprio"] = priority


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it with Sphinx."""
    for kind, (what, _) in KINDS.items():
        app.add_object_type(kind, kind, objname=what)
    app.connect("builder-inited", order_results)
    app.connect("doctree-read", mark_rows)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

# SPDX-License-Identifier: Apache-2.0
"""
Let the search of the site find error codes: a part of ``conf.py``.

Sphinx searches words, and for a code that would end at the top of a long page. Here each row of an error table gets an
anchor, ``errors.html#code-isv-business-limit-control``, and its code becomes an object of the site's inventory, as a
class is: the search then lists it by its whole name, whatever part of it was typed, and leads to the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.domains.std import StandardDomain

PAGES: Final = {"errors": "smscode", "errors.zh-CN": "smscode_zh"}
"""The pages with error tables, and the kind of object that a code is there: a name may be there once for each."""


def anchor(code: str) -> str:
    """Return the anchor of a code."""
    return f"code-{nodes.make_id(code)}"


def mark_rows(app: Sphinx, doctree: nodes.document) -> None:
    """Give the rows of an error table their anchors; of a code with two rows, the first counts."""
    kind = PAGES.get(app.env.docname)
    if kind is None:
        return
    domain = cast("StandardDomain", app.env.get_domain("std"))
    seen: set[str] = set()
    for body in doctree.findall(nodes.tbody):
        for row in body.findall(nodes.row):
            code = next(iter(row.findall(nodes.literal))).astext()
            if anchor(code) in seen:
                continue
            seen.add(anchor(code))
            row["ids"].append(anchor(code))
            domain.note_object(kind, code, anchor(code), location=row)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it with Sphinx."""
    app.add_object_type("smscode", "smscode", objname="error code")
    app.add_object_type("smscode_zh", "smscode_zh", objname="错误码")
    app.connect("doctree-read", mark_rows)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

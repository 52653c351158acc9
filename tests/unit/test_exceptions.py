# SPDX-License-Identifier: Apache-2.0
"""The tree of errors that the module's docstring draws is the tree there is."""

from __future__ import annotations

import inspect
import re

from airflow_provider_aliyunsms import exceptions


def drawn_tree():
    """Read the drawing as name -> name of the parent."""
    parents, above = {}, []
    for line in (exceptions.__doc__ or "").splitlines():
        found = re.match(r"^([│├└─ ]*)(\w+Error)\b", line)
        if not found:
            continue
        depth = (found.start(2) - 4) // 4
        above = above[:depth]
        parents[found.group(2)] = above[-1] if above else "Exception"
        above.append(found.group(2))
    return parents


def real_tree():
    return {
        name: error.__bases__[0].__name__
        for name, error in inspect.getmembers(exceptions, inspect.isclass)
        if error.__module__ == exceptions.__name__
    }


def test_the_drawn_tree_is_complete():
    assert drawn_tree() == real_tree()


def test_every_error_carries_code_and_advice():
    for name in real_tree():
        error = getattr(exceptions, name)("what happened", code="C", advice="do this")
        assert (error.code, error.advice) == ("C", "do this")
        assert str(error) == "what happened [code=C]\nNext step: do this"

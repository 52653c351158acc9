# SPDX-License-Identifier: Apache-2.0
"""
Let the search of the site find Chinese words: a part of ``conf.py``.

Chinese has no spaces, so Sphinx takes a whole clause for a word, and only who types the whole clause finds it. Here a
run of Chinese characters becomes its pairs of neighbours, in the index and in what is searched for: a page is found
that has all the pairs. Everything else is as for English. No dictionary is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sphinx.search.en import SearchEnglish

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_RUNS: Final = re.compile("[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")


def pairs(word: str) -> list[str]:
    """Return the pieces of a word that are searched for."""
    pieces: list[str] = []
    for run in _RUNS.findall(word):
        is_chinese = "\u4e00" <= run[0] <= "\u9fff" and len(run) > 1
        pieces += [run[at : at + 2] for at in range(len(run) - 1)] if is_chinese else [run]
    return pieces


class Search(SearchEnglish):
    """The search for English pages, with Chinese ones among them."""

    # the first two lines are Sphinx's own
    js_splitter_code = r"""
var splitQuery = (query) =>
  query.split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu).filter((term) => term)
    .flatMap((word) => word.match(/[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+/g))
    .flatMap((run) => /^[\u4e00-\u9fff]{2}/.test(run)
      ? Array.from({length: run.length - 1}, (_, at) => run.slice(at, at + 2))
      : [run]);
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 (the name that Sphinx gives it)
        """Return the words of a text."""
        return [piece for word in super().split(input) for piece in pairs(word)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it with Sphinx."""
    app.add_search_language(Search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

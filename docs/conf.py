# SPDX-License-Identifier: Apache-2.0
"""The documentation site: Markdown as it lies here, and the reference from the docstrings. Builds without network."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_aliyunsms import __version__

# The reference imports Airflow, which would make itself a home in the user's.
os.environ.setdefault("AIRFLOW_HOME", str(Path(tempfile.gettempdir()) / "aliyunsms-docs-airflow"))

project = "airflow-provider-aliyunsms"
author = "the contributors"
project_copyright = "the contributors. Apache License 2.0"
release = version = __version__

# chinese_search, found_rows and reference lie beside this file
sys.path.insert(0, str(Path(__file__).parent))
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "chinese_search",
    "found_rows",
    "reference",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"airflow-provider-aliyunsms {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False

# what is copied is what can be run: neither prompts nor output
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# a block without a language is a command or its output
highlight_language = "text"

autodoc_class_signature = "mixed"
autodoc_typehints = "none"
autodoc_member_order = "bysource"


# what the theme says, on Chinese pages
CHINESE = {
    "Search": "搜索",
    "On this page": "本页目录",
    "Next": "下一页",
    "Previous": "上一页",
    "Home": "首页",
    "Back to top": "回到顶部",
}


def speak_chinese(_app: object, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Say of a Chinese page that it is one: browsers choose the shapes of its characters by that."""
    if page.endswith(".zh-CN"):
        context["language"] = "zh-CN"
        context["gettext"] = lambda words, **_: CHINESE.get(words, words)


def setup(app: Any) -> None:
    """Register it with Sphinx."""
    app.connect("html-page-context", speak_chinese)

# SPDX-License-Identifier: Apache-2.0
"""The documentation site: Markdown as it lies here, and the reference from the docstrings. Builds without network."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from airflow_provider_aliyunsms import __version__

# The reference imports Airflow, which would make itself a home in the user's.
os.environ.setdefault("AIRFLOW_HOME", str(Path(tempfile.gettempdir()) / "aliyunsms-docs-airflow"))

project = "airflow-provider-aliyunsms"
author = "the contributors"
project_copyright = "the contributors. Apache License 2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"airflow-provider-aliyunsms {version}"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_class_signature = "separated"
autodoc_typehints = "none"
autodoc_member_order = "bysource"

# SPDX-License-Identifier: Apache-2.0
"""Load the page of the inbox with its style and its scripts, which are files of this package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

PAGE: Final = "inbox.html"
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the page."""

    content: bytes
    media_type: str


def load_static_files() -> dict[str, StaticFile]:
    """Return all files of the page by name; none of them is read again while the simulator runs."""
    folder = files("airflow_provider_aliyunsms.simulator.control") / "static"
    found = {}
    for one in folder.iterdir():
        media_type = _MEDIA_TYPES.get(one.name[one.name.rfind(".") :])
        if media_type is not None:
            found[one.name] = StaticFile(one.read_bytes(), media_type)
    return found

# SPDX-License-Identifier: Apache-2.0
"""The pictures of the docs; taken in every run, kept when asked for."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[3] / "docs" / "_static" / "screenshots"
LARGEST = 300_000
"""Bytes of a picture that a docs page may carry."""


class Screenshots:
    """
    Take pictures.

    :param page: what is looked at.
    :param folder: where they go; a picture there is replaced.
    """

    def __init__(self, *, page, folder):
        self._page = page
        self._folder = folder

    def take(self, name, *, of=None):
        """Take the page as it stands, or one element of it, or another page."""
        # the pointer would leave a tooltip in the picture
        self._page.mouse.move(0, 0)
        picture = (of or self._page).screenshot(animations="disabled", caret="hide")
        assert len(picture) < LARGEST, f"{name} is too large for the docs: {len(picture)} bytes"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}.png").write_bytes(picture)

# SPDX-License-Identifier: Apache-2.0
"""What axe has against a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe


def violations(page):
    """Return each rule that the page breaks, with the markup that breaks it."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], node["html"][:200]) for rule in found for node in rule["nodes"]]

# SPDX-License-Identifier: Apache-2.0
"""The system's Chromium; nothing is downloaded, and it can reach nothing but this machine."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

from launcher.environment import clean_environment

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_GET_IT = (
    "The browser test needs Chromium, and found none of these commands: "
    + ", ".join(NAMES)
    + ".\nOn Debian and Ubuntu:  apt-get install chromium chromium-driver"
)
_ARGUMENTS = (
    "--no-sandbox",  # root, as in a container, cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
SIZE = {"width": 1280, "height": 900}
PATIENCE = 30_000
"""Milliseconds until a page that does not get there fails the test; the first one compiles nothing but is slow."""


def find_chromium():
    """Return its path, None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def playwright():
    """Give what controls browsers; there is one in a process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@contextmanager
def open_browser(started, *, executable, profile, url):
    """
    Open it with an empty profile and give one page.

    :param started: as of :func:`playwright`.
    :param profile: a folder that does not exist yet.
    :param url: what relative addresses are relative to.
    """
    context = started.chromium.launch_persistent_context(
        str(profile),
        executable_path=executable,
        headless=True,
        args=list(_ARGUMENTS),
        env=clean_environment(),
        **_settings(url=url),
    )
    context.set_default_timeout(PATIENCE)
    try:
        yield context.pages[0]
    finally:
        context.close()


@contextmanager
def open_visits(started, *, executable):
    """
    Open it and give a function that makes pages, each for a person who was never here before.

    Its keywords are those of playwright's ``new_context``; ``url`` is what relative addresses are relative to.
    """
    browser = started.chromium.launch(
        executable_path=executable, headless=True, args=list(_ARGUMENTS), env=clean_environment()
    )

    def visit(*, url=None, **settings):
        context = browser.new_context(**(_settings(url=url) | settings))
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    try:
        yield visit
    finally:
        browser.close()


def _settings(*, url):
    return {
        "viewport": SIZE,
        "base_url": url,
        "locale": "en-US",
        "timezone_id": "UTC",
        "color_scheme": "light",
        "reduced_motion": "reduce",
    }

# SPDX-License-Identifier: Apache-2.0
"""Render the templates of an alert so that what is not known becomes a dash: an alert with a gap beats none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jinja2

from airflow_provider_aliyunsms.notifications.wording import NOTHING


class Dash(jinja2.ChainableUndefined):
    """An unknown name: it is written as a dash, and so is everything that is asked of it."""

    def __str__(self) -> str:
        return NOTHING

    def __call__(self, *_args: Any, **_kwargs: Any) -> Dash:  # type: ignore[override]
        """Return itself: what an unknown function returns is not known either."""
        return self


def render_leniently(
    template: Any, *, render: Callable[[Any, jinja2.Environment], Any], environment: jinja2.Environment
) -> Any:
    """
    Render a template, or the ones in a mapping or list, each by itself; what cannot be rendered at all is a dash.

    :param template: a text, or a mapping or list of them.
    :param render: renders one template in an environment.
    :param environment: the one whose names are strict.
    """
    if isinstance(template, Mapping):
        return {
            name: render_leniently(value, render=render, environment=environment)
            for name, value in template.items()
        }
    if isinstance(template, list | tuple | set | frozenset):
        return [render_leniently(value, render=render, environment=environment) for value in template]
    for tried in (environment, environment.overlay(undefined=Dash)):
        try:
            return render(template, tried)
        except Exception:  # noqa: BLE001, S112 - a template may raise anything; the field was named in the log already
            continue
    return NOTHING

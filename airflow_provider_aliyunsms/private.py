# SPDX-License-Identifier: Apache-2.0
"""Keep personal data out of rendered templates, logs, representations and the local variables of tracebacks."""

from __future__ import annotations

import functools
import json
import traceback
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Private:
    """
    A wrapped value that is shown only by its description.

    Airflow stores every template field after rendering, through ``serialize()`` or ``str()``, and shows it in its
    interface. A rendered audience or receipt list would put phone numbers there.

    :param value: the value itself; wrapping a wrapped value keeps the inner one.
    :param description: shown instead, without numbers, texts or variable values: a text, or a list or mapping of
        texts, which Airflow lays out.
    """

    __slots__ = ("description", "value")

    def __init__(self, value: Any, *, description: str | list[str] | dict[str, str]) -> None:
        self.value = unwrap(value)
        self.description = description

    def serialize(self) -> str | list[str] | dict[str, str]:
        """Return the description; Airflow 3.0 and later call this when they store rendered fields."""
        return self.description

    def __str__(self) -> str:
        # Airflow 2 stores and shows this text instead of calling serialize().
        if isinstance(self.description, str):
            return self.description
        return json.dumps(self.description, ensure_ascii=False, indent=2)

    def __repr__(self) -> str:
        return f"<{self.description}>"

    def __bool__(self) -> bool:
        return bool(self.value)


def unwrap(value: Any) -> Any:
    """Return the value that a :class:`Private` wraps; return any other value as it is."""
    return value.value if isinstance(value, Private) else value


def hide_campaign(campaign: Any) -> Private:
    """
    Wrap a rendered campaign, the result of a send task or a list of several, which may hold receipts with numbers.

    The XComs of a lazy list are not fetched for its description.
    """
    value = unwrap(campaign)
    if isinstance(value, dict):
        shown = f"campaign {value.get('campaign_id')}, {value.get('accepted')} accepted"
    elif isinstance(value, list | tuple):
        shown = f"{len(value)} campaigns"
    else:
        shown = "no campaign" if value is None else f"campaigns ({type(value).__name__})"
    return Private(value, description=shown)


def forget_locals(error: BaseException) -> None:
    """
    Empty the local variables of all frames of an error, of its causes and its contexts; lines and names stay.

    Airflow in development mode and many error trackers print the variables of every frame of a traceback. Those of
    this package and of the libraries below it hold numbers, texts and the bodies of requests. Frames that still run
    keep theirs.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def without_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function whose errors have no local variables in their tracebacks, see :func:`forget_locals`."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            forget_locals(error)
            # This frame still runs, and its arguments may be numbers.
            del args, kwargs
            raise

    return guarded

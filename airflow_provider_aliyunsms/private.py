# SPDX-License-Identifier: Apache-2.0
"""A wrapper that keeps personal data out of rendered templates, logs and representations."""

from __future__ import annotations

from typing import Any


class Private:
    """
    A value that shows only a description of itself.

    Airflow stores every template field after rendering, through ``serialize()`` or ``str()``, and shows it
    in its interface; a rendered audience or receipt list would put phone numbers there.

    :param value: the value itself; wrapping a wrapped value keeps the inner one.
    :param description: what is shown instead, without numbers, texts or variable values.
    """

    __slots__ = ("description", "value")

    def __init__(self, value: Any, *, description: str) -> None:
        self.value = unwrap(value)
        self.description = description

    def serialize(self) -> str:
        """Return the description; Airflow asks for it when it stores rendered fields."""
        return self.description

    def __str__(self) -> str:
        return self.description

    def __repr__(self) -> str:
        return f"<{self.description}>"

    def __bool__(self) -> bool:
        return bool(self.value)


def unwrap(value: Any) -> Any:
    """Return what a :class:`Private` holds, and anything else as it is."""
    return value.value if isinstance(value, Private) else value

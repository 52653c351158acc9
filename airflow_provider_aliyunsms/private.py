# SPDX-License-Identifier: Apache-2.0
"""Wrap a value that holds personal data, so that it stays out of rendered templates, logs and representations."""

from __future__ import annotations

import json
from typing import Any


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

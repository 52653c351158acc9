# SPDX-License-Identifier: Apache-2.0
"""A wrapper that keeps personal data out of rendered templates, logs and representations."""

from __future__ import annotations

import json
from typing import Any


class Private:
    """
    A value that shows only a description of itself.

    Airflow stores every template field after rendering, through ``serialize()`` or ``str()``, and shows it
    in its interface; a rendered audience or receipt list would put phone numbers there.

    :param value: the value itself; wrapping a wrapped value keeps the inner one.
    :param description: what is shown instead, without numbers, texts or variable values: a text, or lists and
        mappings of texts, which Airflow lays out.
    """

    __slots__ = ("description", "value")

    def __init__(self, value: Any, *, description: str | list[str] | dict[str, str]) -> None:
        self.value = unwrap(value)
        self.description = description

    def serialize(self) -> str | list[str] | dict[str, str]:
        """Return the description; Airflow asks for it when it stores rendered fields, from 3.0 on."""
        return self.description

    def __str__(self) -> str:
        # what Airflow 2 stores and shows
        if isinstance(self.description, str):
            return self.description
        return json.dumps(self.description, ensure_ascii=False, indent=2)

    def __repr__(self) -> str:
        return f"<{self.description}>"

    def __bool__(self) -> bool:
        return bool(self.value)


def unwrap(value: Any) -> Any:
    """Return what a :class:`Private` holds, and anything else as it is."""
    return value.value if isinstance(value, Private) else value

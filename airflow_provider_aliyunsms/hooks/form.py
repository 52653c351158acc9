# SPDX-License-Identifier: Apache-2.0
"""
The connection form as Airflow below 3.2 wants it: methods of the hook.

Both are drawn from the provider info, which newer Airflow reads directly, so the two forms cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from wtforms import Field


def field_behaviour() -> dict[str, Any]:
    """Describe the standard fields: hidden ones, labels, placeholders."""
    behaviour: dict[str, Any] = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def form_widgets() -> dict[str, Any]:
    """Make the wtforms fields of the extra; wtforms is there wherever this is called."""
    # Not at the top: Airflow 3.2 and later has no wtforms, and 3.0 and 3.1 put stand-ins in its place for the
    # time of this call. Those know these three classes and these three arguments only.
    from wtforms import IntegerField, PasswordField, StringField

    fields: dict[str, Any] = {}
    for name, definition in _connection_type()["conn-fields"].items():
        schema = definition["schema"]
        kind: type[Field] = IntegerField if "integer" in schema["type"] else StringField
        if schema.get("format") == "password":
            kind = PasswordField
        fields[name] = kind(
            definition["label"], description=definition["description"], default=schema.get("default")
        )
    return fields


def _connection_type() -> dict[str, Any]:
    info: dict[str, Any] = get_provider_info()
    (connection_type,) = info["connection-types"]
    found: dict[str, Any] = connection_type
    return found

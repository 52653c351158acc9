# SPDX-License-Identifier: Apache-2.0
"""Hold the defined templates, with text, kind and approval, and render messages from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.memory.approvals import Approval

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEMPLATES = 1000
LONGEST_TEXT = 2000
"""Characters of a template's text, and of a message."""

OPT_OUT: Final = "拒收请回复R"
"""The end of every promotional text; carriers refuse promotion without it."""

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class TemplateKind(StrEnum):
    """The kinds of template; the limits per number and the numbers that can be reached depend on it."""

    OTP = "otp"
    NOTIFICATION = "notification"
    PROMOTION = "promotion"
    INTERNATIONAL = "international"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """
    One template of the account.

    :param text: with ``${name}`` placeholders.
    :param variables: what a variable may hold, by its name, in the words of the API such as ``numberCaptcha``; only
        shown, not checked.
    """

    text: str
    kind: TemplateKind = TemplateKind.NOTIFICATION
    status: Approval = Approval.APPROVED
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def lacks_opt_out(self) -> bool:
        """Whether it is promotional and does not end as promotional texts must."""
        return self.kind is TemplateKind.PROMOTION and not self.text.rstrip().endswith(OPT_OUT)


class Templates:
    """Hold the defined templates by code; one that was not defined renders as its code and all variables."""

    def __init__(self) -> None:
        self._defined: dict[str, Template] = {}

    def define(self, templates: Mapping[str, Template]) -> None:
        """Add templates, or replace those with the same code."""
        self._defined.update(templates)

    def all(self) -> dict[str, Template]:
        """Return the defined templates by code, in the order in which they were first defined."""
        return dict(self._defined)

    def get(self, code: str | None) -> Template | None:
        """Return a template, None when it was not defined."""
        return self._defined.get(code or "")

    def kind_of(self, code: str | None) -> TemplateKind:
        """Return the kind of a template; one that was not defined is a notification."""
        template = self.get(code)
        return TemplateKind.NOTIFICATION if template is None else template.kind

    def render(self, *, code: str, sign_name: str, values: Mapping[str, str]) -> str | None:
        """Return the text of a message as a phone shows it, or None if a variable of the template has no value."""
        template = self.get(code)
        if template is None:
            body = "，".join(f"{name}: {value}" for name, value in values.items())
            return f"【{sign_name}】{code}" + (f" {body}" if body else "")
        try:
            return f"【{sign_name}】" + _PLACEHOLDER.sub(lambda match: values[match[1]], template.text)
        except KeyError:
            return None

    def clear(self) -> None:
        """Remove all templates."""
        self._defined.clear()

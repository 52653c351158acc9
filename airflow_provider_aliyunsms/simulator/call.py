# SPDX-License-Identifier: Apache-2.0
"""One request as the gateway sees it: decoded, before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call:
    """
    A decoded RPC request.

    :param query: decoded query pairs in the order they came.
    :param form: decoded form pairs; empty for any other content type.
    :param headers: by lower-case name.
    :param body: the bytes as received, because V3 signs their hash.
    """

    method: str
    query: Pairs
    form: Pairs
    headers: Mapping[str, str]
    body: bytes
    values: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", dict([*self.query, *self.form]))

    @property
    def is_v3(self) -> bool:
        """Signed in the ``Authorization`` header rather than with a ``Signature`` parameter."""
        return "authorization" in self.headers

    @property
    def action(self) -> str:
        """The API operation asked for."""
        return self.headers.get("x-acs-action") or self.values.get("Action", "")

    @property
    def version(self) -> str:
        """The API version asked for."""
        return self.headers.get("x-acs-version") or self.values.get("Version", "")

    @property
    def wants_xml(self) -> bool:
        """Only ``Format=XML`` asks for XML; the real gateway's default is never relied upon by an SDK."""
        return self.values.get("Format", "").upper() == "XML"

    @property
    def host(self) -> str:
        """The host the client believes it speaks to."""
        return self.headers.get("host", "")


def read_call(*, method: str, query: str, headers: Mapping[str, str], body: bytes) -> Call:
    """
    Decode a request; costs one pass over query and body and never fails.

    :param query: the raw query string, where ``+`` and ``%20`` both mean a space.
    :param headers: by lower-case name.
    """
    is_form = (
        headers.get("content-type", "").split(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    )
    form = body.decode("utf-8", errors="replace") if is_form else ""
    return Call(
        method=method,
        query=parse_qsl(query, keep_blank_values=True),
        form=parse_qsl(form, keep_blank_values=True),
        headers=headers,
        body=body,
    )

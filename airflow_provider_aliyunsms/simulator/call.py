# SPDX-License-Identifier: Apache-2.0
"""Decode one HTTP request into an API call; nothing in it is checked yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

Pairs = Sequence[tuple[str, str]]

MOST_PARAMETERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call:
    """
    One decoded RPC request, not checked.

    ``values`` holds the pairs of query and form by name; of two pairs with one name the later one counts, and the
    form comes after the query.

    :param query: decoded query pairs in the order of the request.
    :param form: decoded form pairs; empty for any other content type.
    :param headers: values by lower-case name.
    :param body: the bytes as received, because the V3 signature covers their hash.
    :param account: whose AccessKey signed it; empty until that is checked.
    """

    method: str
    query: Pairs
    form: Pairs
    headers: Mapping[str, str]
    body: bytes
    account: str = ""
    values: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", dict([*self.query, *self.form]))

    @property
    def is_v3(self) -> bool:
        """Whether the request is signed in the ``Authorization`` header, not with a ``Signature`` parameter."""
        return "authorization" in self.headers

    @property
    def action(self) -> str:
        """The API operation that the request names; empty if it names none."""
        return self.headers.get("x-acs-action") or self.values.get("Action", "")

    @property
    def version(self) -> str:
        """The API version that the request names; empty if it names none."""
        return self.headers.get("x-acs-version") or self.values.get("Version", "")

    @property
    def wants_xml(self) -> bool:
        """Whether ``Format=XML`` asks for XML; without it the reply is JSON, for no SDK relies on the default."""
        return self.values.get("Format", "").upper() == "XML"

    @property
    def host(self) -> str:
        """The host that the client addressed; empty if it named none."""
        return self.headers.get("host", "")


def read_call(*, method: str, query: str, headers: Mapping[str, str], body: bytes) -> Call:
    """
    Return a request decoded as a :class:`Call`.

    Costs one pass over query and body. Bytes of a form that are not UTF-8 are replaced and raise no error.

    :param query: the raw query string, where ``+`` and ``%20`` both mean a space.
    :param headers: values by lower-case name.
    :param body: the bytes as received; a form is decoded, any other content type is not.
    :raises ValueError: there are more than :data:`MOST_PARAMETERS` pairs in one of them.
    """
    is_form = (
        headers.get("content-type", "").split(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    )
    form = body.decode("utf-8", errors="replace") if is_form else ""
    return Call(
        method=method,
        query=parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS),
        form=parse_qsl(form, keep_blank_values=True, max_num_fields=MOST_PARAMETERS),
        headers=headers,
        body=body,
    )

# SPDX-License-Identifier: Apache-2.0
"""What a request is signed with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from airflow_provider_aliyunsms.exceptions import CredentialsError

_SHOWN = 4


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """
    An AccessKey, with a token when it comes from STS.

    :param access_key_id: the AccessKey ID.
    :param access_key_secret: the AccessKey secret; never shown.
    :param security_token: the STS token; never shown.
    :raises CredentialsError: a part is empty or holds blanks, as a careless copy does.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = {"AccessKey ID": self.access_key_id, "AccessKey secret": self.access_key_secret}
        if self.security_token is not None:
            parts["security token"] = self.security_token
        for name, value in parts.items():
            if not value:
                raise CredentialsError(f"The {name} is empty.", advice="Fill it in the connection.")
            if not value.isascii() or not value.isprintable() or " " in value:
                raise CredentialsError(
                    f"The {name} holds blanks or other characters no {name} has.",
                    advice="Copy it again, without blanks and line ends.",
                )

    def __repr__(self) -> str:
        shown = self.access_key_id[:_SHOWN] if len(self.access_key_id) > 2 * _SHOWN else ""
        return f"Credentials(access_key_id='{shown}****')"


CredentialsProvider: TypeAlias = Callable[[], Credentials]
"""Asked before every signature, so that credentials that expire can be refreshed behind it."""


def static_credentials(credentials: Credentials) -> CredentialsProvider:
    """Provide the same credentials for ever."""
    return lambda: credentials


def announcing(
    provider: CredentialsProvider, *, on_new: Callable[[Credentials], None]
) -> CredentialsProvider:
    """
    Provide what another provider provides, and tell about every change of it, the first included.

    :param on_new: called in the thread that signs, before the credentials are used.
    """
    known: Credentials | None = None

    def provide() -> Credentials:
        nonlocal known
        found = provider()
        if found != known:
            on_new(found)
            known = found
        return found

    return provide

# SPDX-License-Identifier: Apache-2.0
"""Hold the AccessKey that requests are signed with, and the functions that provide it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from airflow_provider_aliyunsms.exceptions import CredentialsError

_SHOWN = 4


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """
    An AccessKey, with a security token when it comes from STS.

    The repr shows at most the first four characters of the AccessKey ID.

    :param access_key_id: the AccessKey ID.
    :param access_key_secret: the AccessKey secret; never shown.
    :param security_token: the STS token; never shown.
    :raises CredentialsError: a part is empty, or holds blanks, line ends or characters outside ASCII, as a careless
        copy does.
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
"""A function that returns credentials; called before every signature, so that it can renew those that expire."""


def static_credentials(credentials: Credentials) -> CredentialsProvider:
    """Return a provider that always provides the same credentials."""

    def provide() -> Credentials:
        return credentials

    provide.renews = False  # type: ignore[attr-defined]  # read by renews()
    return provide


def renews(provider: CredentialsProvider) -> bool:
    """Return whether a provider can come to provide other credentials; True where it does not say so."""
    return bool(getattr(provider, "renews", True))


def announcing(
    provider: CredentialsProvider, *, on_new: Callable[[Credentials], None]
) -> CredentialsProvider:
    """
    Return a provider that reports every change of the credentials, the first ones included.

    :param provider: provides the credentials.
    :param on_new: called with new credentials, in the thread that signs and before they are used. Two threads that
        see the same change at once both call it.
    :returns: a provider of the same credentials.
    """
    known: Credentials | None = None

    def provide() -> Credentials:
        nonlocal known
        found = provider()
        if found != known:
            # In this order: once they are known, another thread uses them without calling on_new, which must have
            # masked the secret by then.
            on_new(found)
            known = found
        return found

    provide.renews = renews(provider)  # type: ignore[attr-defined]
    return provide

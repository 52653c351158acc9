# SPDX-License-Identifier: Apache-2.0
"""
Sign requests with ``ACS3-HMAC-SHA256``, as the official SDKs do by default.

https://help.aliyun.com/document_detail/2593177.html
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from airflow_provider_aliyunsms import __version__
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.api.credentials import Credentials
    from airflow_provider_aliyunsms.api.endpoints import Endpoint

_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_USER_AGENT: Final = f"airflow-provider-aliyunsms/{__version__}"
# Limits the memory that the table of encoded characters takes.
_MOST_CHARACTERS: Final = 0x10000


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    The date and the nonce that make one signed request unique.

    Signing the same call again with the same envelope and the same credentials gives the same bytes, which a replay
    needs.

    :param date: UTC, like ``2026-01-02T03:04:05Z``; the gateway accepts it for 15 minutes.
    :param nonce: unique for 15 minutes; the gateway refuses a request whose nonce it has seen.
    """

    date: str
    nonce: str

    @classmethod
    def new(cls) -> Envelope:
        """Return an envelope for a request that starts now, with a random nonce."""
        return cls(date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), nonce=os.urandom(16).hex())


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """One signed POST, ready to be sent; its repr shows no field, because all of them are private."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def unsigned(*, endpoint: Endpoint) -> SignedRequest:
    """Return an empty request without a signature, which the gateway refuses: its response tells that it is there."""
    # Nothing is added on the way: without these two the server has no request to answer.
    return SignedRequest(url=endpoint.url, headers={"host": endpoint.host, "content-length": "0"}, body=b"")


def sign_acs3(
    *,
    endpoint: Endpoint,
    action: str,
    version: str,
    query: Mapping[str, str],
    form: Mapping[str, str],
    credentials: Credentials,
    envelope: Envelope,
) -> SignedRequest:
    """
    Sign one POST request; the same inputs give the same bytes.

    :param endpoint: the host it goes to.
    :param action: the API's action, such as ``SendBatchSms``.
    :param version: the API's version, such as ``2017-05-25``.
    :param query: parameters of the URL, which proxies log; personal data must not be among them.
    :param form: parameters of the body.
    :param credentials: the AccessKey to sign with.
    :param envelope: the date and nonce of the request.
    :returns: the request with its ``authorization`` header.
    :raises ConfigurationError: a value cannot be written as UTF-8.
    """
    canonical_query = encode_query(query)
    body = encode_form(form)
    digest = hashlib.sha256(body).hexdigest()
    signed = {
        "host": endpoint.host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": envelope.date,
        "x-acs-signature-nonce": envelope.nonce,
        "x-acs-version": version,
    }
    if form:
        signed["content-type"] = _FORM_TYPE
    if credentials.security_token is not None:
        signed["x-acs-accesskey-id"] = credentials.access_key_id
        signed["x-acs-security-token"] = credentials.security_token
    # Only the headers that are in the dict by now are signed; those added below are not, and must stay below.
    names = ";".join(sorted(signed))
    canonical = canonical_request(query=canonical_query, headers=signed, body_sha256=digest)
    signature = sign_canonical(canonical, secret=credentials.access_key_secret)
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id},SignedHeaders={names},Signature={signature}"
    )
    signed["accept"] = "application/json"
    signed["accept-encoding"] = "identity"
    signed["user-agent"] = _USER_AGENT
    signed["content-length"] = str(len(body))
    url = f"{endpoint.url}?{canonical_query}" if canonical_query else endpoint.url
    return SignedRequest(url=url, headers=signed, body=body)


def canonical_request(*, query: str, headers: Mapping[str, str], body_sha256: str) -> str:
    """
    Return the canonical text of a POST to ``/``, which the signature is computed from.

    :param query: the encoded query, sorted by name.
    :param headers: the headers to sign, with names in lower case.
    :param body_sha256: hexadecimal SHA-256 digest of the body as it is sent.
    """
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    return f"POST\n/\n{query}\n{lines}\n{';'.join(names)}\n{body_sha256}"


def sign_canonical(canonical: str, *, secret: str) -> str:
    """
    Return the signature of a canonical request.

    :param canonical: the text of :func:`canonical_request`.
    :param secret: the AccessKey secret.
    :returns: 64 hexadecimal digits.
    """
    to_sign = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()


def encode_query(query: Mapping[str, str]) -> str:
    """Encode parameters for a URL, sorted by name and with ``%20`` for a blank."""
    return _pairs(query).replace("+", "%20")


def encode_form(form: Mapping[str, str]) -> bytes:
    """Encode parameters for a form body, sorted by name and with ``+`` for a blank."""
    return _pairs(form).encode("ascii")


def _pairs(parameters: Mapping[str, str]) -> str:
    try:
        return "&".join(
            f"{_plus_again(name)}={(_plus_again if name in _REPEATED else _plus)(parameters[name])}"
            for name in sorted(parameters)
        )
    except UnicodeEncodeError:  # it quotes one character only, never the text around it
        raise ConfigurationError(
            "A text, number or variable holds half of a surrogate pair, which no encoding can write.",
            advice="Look for broken emoji in the audience and remove them.",
        ) from None


class _Characters(dict[str, str]):
    """
    Hold the percent-encoded form of every character that was encoded so far.

    A look-up costs less CPU than ``quote_plus``, which walks the bytes of every text. Percent-encoding is among the
    largest costs of a call, see docs/performance.md.
    """

    # Threads share the table without a lock: two that miss the same character write the same value.
    def __missing__(self, character: str) -> str:
        encoded = quote_plus(character)
        if len(self) < _MOST_CHARACTERS:
            self[character] = encoded
        return encoded


_CHARACTERS: Final = _Characters()
_REPEATED: Final = frozenset({"SignNameJson", "TemplateCode", "PageSize", "CurrentPage", "SendDate"})
"""Parameters that are the same in many calls and hold nothing personal: what was encoded once is kept."""
_SAFE: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
_MADE_OF: Final = b"%+"


def _plus(text: str) -> str:
    if not text.isascii():
        return "".join(map(_CHARACTERS.__getitem__, text))
    # Of plain text few characters are encoded, such as quotes and braces. To replace one after the other in the whole
    # text costs less CPU than a look at each of its characters. The percent sign and the plus come first, because
    # what stands for the others is made of them.
    data = text.encode("ascii")
    others = {*data.translate(None, _SAFE)}.difference(_MADE_OF)
    for character in (*_MADE_OF, *others):
        data = data.replace(bytes((character,)), _CHARACTERS[chr(character)].encode("ascii"))
    return data.decode("ascii")


_plus_again: Final = lru_cache(maxsize=256)(_plus)

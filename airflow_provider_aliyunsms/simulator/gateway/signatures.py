# SPDX-License-Identifier: Apache-2.0
"""
Verify the two signature schemes, RPC V1 and V3, on the receiving side.

This code is written from the documentation of the schemes, and on purpose it does not use the package's own signing
code: with one implementation on both sides, a mistake in it would go unnoticed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_aliyunsms.simulator.replies import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_aliyunsms.simulator.call import Call, Pairs

V3_ALGORITHM = "ACS3-HMAC-SHA256"

_MISMATCH = "Specified signature is not matched with our calculation."


def percent_encode(text: str) -> str:
    """Return a text percent-encoded, except letters, digits and ``-_.~``."""
    return quote(text, safe="~")


def canonical_pairs(pairs: Pairs) -> str:
    """Return pairs encoded and joined like a query string, sorted by the bytes of names and values."""
    ordered = sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1].encode()))
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in ordered)


def v1_string_to_sign(*, method: str, pairs: Pairs) -> str:
    """
    Return the text that an RPC V1 signature covers.

    :param pairs: query and form together; ``Signature`` itself is left out.
    """
    canonical = canonical_pairs([pair for pair in pairs if pair[0] != "Signature"])
    return f"{method}&%2F&{percent_encode(canonical)}"


def v1_signature(*, method: str, pairs: Pairs, secret: str) -> str:
    """Return the RPC V1 signature of a request (HMAC-SHA1, base64)."""
    text = v1_string_to_sign(method=method, pairs=pairs)
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha1)).decode()


def check_v1(call: Call, *, secret: str) -> Refusal | None:
    """Verify the RPC V1 signature of a request over its decoded query and form; return a refusal or None."""
    if call.values.get("SignatureMethod", "").upper() != "HMAC-SHA1":
        return Refusal(
            "InvalidSignatureMethod", "Specified parameter SignatureMethod is not valid.", status=400
        )
    pairs = [*call.query, *call.form]
    expected = v1_signature(method=call.method, pairs=pairs, secret=secret)
    if hmac.compare_digest(expected.encode(), call.values.get("Signature", "").encode()):
        return None
    # As the real gateway does, the refusal repeats the text to sign, phone numbers included: the legacy SDK reads it.
    signed = v1_string_to_sign(method=call.method, pairs=pairs)
    return _mismatch(f" server string to sign is:{signed}")


def v3_fields(authorization: str) -> dict[str, str] | None:
    """
    Return the parts of a V3 ``Authorization`` header by name, or None for a header of another form.

    The form is ``ACS3-HMAC-SHA256 Credential=..,SignedHeaders=..,Signature=..``.
    """
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != V3_ALGORITHM:
        return None
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return fields if {"Credential", "SignedHeaders", "Signature"} <= fields.keys() else None


def v3_canonical_request(call: Call, *, signed: Sequence[str]) -> str:
    """Return the canonical request of the V3 scheme, built from the received request."""
    headers = "".join(f"{name}:{call.headers.get(name, '').strip()}\n" for name in signed)
    body_hash = hashlib.sha256(call.body).hexdigest()
    return "\n".join([call.method, "/", canonical_pairs(call.query), headers, ";".join(signed), body_hash])


def v3_signature(call: Call, *, signed: Sequence[str], secret: str) -> str:
    """Return the V3 signature of a request (HMAC-SHA256, hex)."""
    request_hash = hashlib.sha256(v3_canonical_request(call, signed=signed).encode()).hexdigest()
    text = f"{V3_ALGORITHM}\n{request_hash}"
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()


def check_v3(call: Call, *, secret: str) -> Refusal | None:
    """Verify the V3 signature of a request and that it covers every required header; return a refusal or None."""
    fields = v3_fields(call.headers["authorization"])
    if fields is None:
        return Refusal("IncompleteSignature", "The Authorization header cannot be read.", status=400)
    signed = fields["SignedHeaders"].split(";")
    if not _must_be_signed(call.headers) <= set(signed):
        return Refusal("IncompleteSignature", "SignedHeaders leaves out a required header.", status=400)
    if call.headers.get("x-acs-content-sha256") != hashlib.sha256(call.body).hexdigest():
        return _mismatch()
    expected = v3_signature(call, signed=signed, secret=secret)
    return None if hmac.compare_digest(expected.encode(), fields["Signature"].encode()) else _mismatch()


def _mismatch(detail: str = "") -> Refusal:
    return Refusal("SignatureDoesNotMatch", _MISMATCH + detail, status=400)


def _must_be_signed(headers: Iterable[str]) -> set[str]:
    # The documentation also demands content-type, but the official async SDK lets its HTTP library add one unsigned.
    return {"host", "x-acs-content-sha256"} | {name for name in headers if name.startswith("x-acs-")}

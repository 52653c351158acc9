# SPDX-License-Identifier: Apache-2.0
"""Check the AccessKey, the date, the token and the signature of a request."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.gateway.signatures import check_v1, check_v3, v3_fields
from airflow_provider_aliyunsms.simulator.memory import FRESHNESS_S
from airflow_provider_aliyunsms.simulator.replies import Refusal

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.call import Call
    from airflow_provider_aliyunsms.simulator.options import Options


EXPIRED = Refusal(
    "InvalidTimeStamp.Expired",
    "Specified time stamp or date value is expired. Expected: within 15 minutes of the gateway's clock.",
    status=400,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identity:
    """The identity that a request claims, not checked; the same for both signing schemes."""

    key_id: str
    nonce: str
    date: str
    token: str | None


def identify(call: Call) -> Identity | Refusal:
    """Return the key id, nonce, date and token of a request, or a refusal that names a missing one."""
    if call.is_v3:
        fields = v3_fields(call.headers["authorization"])
        if fields is None:
            return Refusal("IncompleteSignature", "The Authorization header cannot be read.", status=400)
        names = ("x-acs-signature-nonce", "x-acs-date")
        key_id, token = fields["Credential"], call.headers.get("x-acs-security-token")
        source = call.headers
    else:
        names = ("SignatureNonce", "Timestamp")
        for name in ("AccessKeyId", "Signature", *names):
            if not call.values.get(name):
                return _missing(name)
        key_id, token = call.values["AccessKeyId"], call.values.get("SecurityToken")
        source = call.values
    for name in names:
        if not source.get(name):
            return _missing(name)
    return Identity(key_id=key_id, nonce=source[names[0]], date=source[names[1]], token=token)


def check(call: Call, identity: Identity, *, options: Options, now: float) -> Refusal | None:
    """
    Check key id, date, token and signature of a request, but not its nonce.

    :param now: seconds since the epoch.
    :returns: the refusal of the first check that fails, else None.
    """
    key = options.access_key(identity.key_id)
    if key is None:
        return Refusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", status=404)
    verify = check_v3 if call.is_v3 else check_v1
    return (
        _check_date(identity.date, now=now)
        or _check_token(identity.token, expected=options.security_token)
        or verify(call, secret=key.secret)
    )


def nonce_used() -> Refusal:
    """Return the refusal of a request whose nonce was used before."""
    return Refusal("SignatureNonceUsed", "Specified signature nonce was used already.", status=400)


def _missing(name: str) -> Refusal:
    return Refusal(f"Missing{name}", f"{name} is mandatory for this action.", status=400)


def _check_date(date: str, *, now: float) -> Refusal | None:
    try:
        moment = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return Refusal(
            "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.", status=400
        )
    return None if abs(now - moment) <= FRESHNESS_S else EXPIRED


def _check_token(token: str | None, *, expected: str | None) -> Refusal | None:
    if token == expected:
        return None
    if token is None or expected is None:
        return Refusal(
            "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken mismatch with the AccessKey.",
            status=400,
        )
    if hmac.compare_digest(token.encode(), expected.encode()):
        return None
    return Refusal("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.", status=400)

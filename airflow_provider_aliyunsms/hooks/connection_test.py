# SPDX-License-Identifier: Apache-2.0
"""
Test a connection with one free API call, and put the result into words for Airflow's "Test" button.

Airflow shows the text as it is, without masking. So every text is written in this package: the text of the API or of
a library is never used, the AccessKey ID is masked, and a code or request id of the API is shown only if it looks
like one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.signature import unsigned
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    ConfigurationError,
    ConnectionNotMadeError,
    ThrottledError,
)
from airflow_provider_aliyunsms.hooks.clients import (
    china_endpoint_for,
    client_for,
    provider_for,
    transport_for,
)

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.endpoints import Endpoint
    from airflow_provider_aliyunsms.api.transport import Transport
    from airflow_provider_aliyunsms.hooks.settings import ConnectionSettings


class ConnectionTest(NamedTuple):
    """The result of a connection test, as Airflow expects it: success, and a text to show."""

    ok: bool
    message: str


_NO_PERMISSION: Final = frozenset(
    {
        "forbidden.ram",
        "forbidden",
        "nopermission",
        "actionunauthorized",
        "ram_permission_deny",
        "ram_check_failed",
    }
)
_EXPIRED_CLOCK: Final = frozenset({"invalidtimestamp.expired", "invalidtimestamp.format"})
_LIST_DENIED: Final = (
    "The AccessKey {key} is valid, but it may not list signatures (dysms:QuerySmsSignList). Sending may "
    "still be allowed: it needs dysms:SendBatchSms and dysms:QuerySendDetails, for Globe "
    "dysms:BatchSendMessageToGlobe and dysms:QueryMessage. Nothing was sent."
)
_NO_MATCH: Final = "The AccessKey secret does not belong to the AccessKey ID {key}. Enter it again."
_REFUSALS: Final = {
    "signaturedoesnotmatch": _NO_MATCH,
    "incompletesignature": _NO_MATCH,
    "invalidaccesskeyid.notfound": "There is no AccessKey ID {key}. Correct the login, or use another.",
    "invalidaccesskeyid.inactive": "The AccessKey {key} is disabled. Enable it in RAM.",
    "invalidsecuritytoken.expired": "The STS security token has expired. Fetch a new AccessKey and token.",
    "invalidsecuritytoken.malformed": "The STS security token is malformed. Copy security_token again.",
    "invalidsecuritytoken.mismatchwithaccesskey": (
        "The STS security token does not belong to the AccessKey ID {key}. Take both from one STS answer; "
        "with a permanent AccessKey leave security_token empty."
    ),
}
_UNREACHABLE: Final = {
    "NameNotResolved": "its name cannot be resolved. Check the host field and this machine's DNS.",
    "ProxyFailed": "the proxy did not open a way. Check HTTPS_PROXY and NO_PROXY of this machine.",
    "ConnectionRefused": "it refused the connection. Check the host field and the firewall.",
    "ConnectTimeout": "no connection was made within connect_timeout. Check the network and the firewall.",
    "TlsFailed": "the TLS handshake failed. Check the host field and the trusted certificates.",
}
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")


def run_connection_test(settings: ConnectionSettings) -> ConnectionTest:
    """
    Test a connection by asking the China API for one signature.

    Makes one attempt; it costs nothing, sends nothing and changes nothing. When the gateway refuses the request's
    date, a second request finds out how far this machine's clock is off.

    :returns: a failure as well, with its reason; the API's errors are not raised.
    :raises ConfigurationError: an endpoint or a region is malformed, or the credentials' package is missing.
    """
    endpoint = china_endpoint_for(settings)
    provider = provider_for(settings)
    try:
        key_id = provider().access_key_id
    except ApiError as error:
        # Safe to show: the text is written in this package, and that of the credentials package is never passed on.
        return ConnectionTest(ok=False, message=str(error))
    transport = transport_for(settings)
    client = client_for(
        settings, credentials=provider, transport=transport, read_retries=ReadRetries(attempts=1)
    )
    try:
        response = client.query_sms_sign_list(page_index=1, page_size=1)
        found = f" It sees {response.total_count} signature(s)." if response.total_count else ""
        return ConnectionTest(
            ok=True, message=f"{endpoint.host} accepts the AccessKey {mask(key_id)}.{found} Nothing was sent."
        )
    except ApiError as error:
        ok, message = describe_failure(error, key_id=key_id, endpoint=endpoint)
        note = (
            clock_note(transport=transport, endpoint=endpoint) if _plain(error.code) in _EXPIRED_CLOCK else ""
        )
        return ConnectionTest(ok=ok, message=message + note)
    finally:
        client.close()


def describe_failure(error: ApiError, *, key_id: str, endpoint: Endpoint) -> ConnectionTest:
    """
    Return the test result for an error of the API, with what to do about it.

    Credentials that are valid but may not list signatures count as a success.

    :param key_id: the AccessKey ID, which is shown masked.
    """
    if isinstance(error, ConnectionNotMadeError):
        why = _UNREACHABLE.get(
            error.code or "", "no connection could be made. Check the host and the network."
        )
        return ConnectionTest(ok=False, message=f"{endpoint.host} cannot be reached: {why}")
    plain = _plain(error.code)
    if plain in _NO_PERMISSION:
        return ConnectionTest(ok=True, message=_LIST_DENIED.format(key=mask(key_id)))
    if (refusal := _REFUSALS.get(plain)) is not None:
        return ConnectionTest(ok=False, message=refusal.format(key=mask(key_id)) + _facts(error))
    if plain in _EXPIRED_CLOCK:
        return ConnectionTest(
            ok=False,
            message="This machine's clock is wrong: the gateway refuses the request's date. Set it by NTP.",
        )
    if isinstance(error, ThrottledError):
        return ConnectionTest(
            ok=False, message="The gateway is busy with this account. Test again in a minute." + _facts(error)
        )
    if isinstance(error, AmbiguousOutcomeError):
        return ConnectionTest(
            ok=False, message=f"{endpoint.host} gave no usable answer. Is it the SMS API?" + _facts(error)
        )
    return ConnectionTest(ok=False, message="The API refused the test." + _facts(error))


def explain_configuration(error: ConfigurationError) -> ConnectionTest:
    """Return the test result for a wrong field; the text of such an error never holds a field's value."""
    return ConnectionTest(ok=False, message=str(error))


def clock_note(*, transport: Transport, endpoint: Endpoint) -> str:
    """
    Return a sentence on how far this machine's clock is off, by the Date header of any response of the gateway.

    Sends one unsigned request, which the gateway refuses.

    :returns: an empty text when there is no response or no such header.
    """
    try:
        response = transport.send(unsigned(endpoint=endpoint))
        theirs = parsedate_to_datetime(response.headers.get("Date", ""))
    except (ApiError, ValueError):
        return ""
    minutes = round((datetime.now(tz=UTC) - theirs.astimezone(UTC)).total_seconds() / 60)
    if minutes == 0:
        return " By the Date header of its answer the two clocks agree: does a proxy hold requests back?"
    return f" It is {abs(minutes)} minutes {'ahead of' if minutes > 0 else 'behind'} the gateway's."


def mask(key_id: str) -> str:
    """Return the first four characters of an AccessKey ID and hide the rest; of a short one, hide everything."""
    return f"{key_id[:4]}****" if len(key_id) > 8 else "****"


def _plain(code: str | None) -> str:
    return (code or "").lower().removeprefix("isv.").removeprefix("isp.")


def _facts(error: ApiError) -> str:
    shown = [
        f"{name} {value}"
        for name, value in (("code", error.code), ("request id", error.request_id))
        if value and _CODE.fullmatch(value)
    ]
    if error.http_status is not None:
        shown.append(f"HTTP {error.http_status}")
    return f" ({', '.join(shown)})" if shown else ""

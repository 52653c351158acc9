# SPDX-License-Identifier: Apache-2.0
"""
Make one HTTP attempt, and find out after a failure whether the request can have left this machine.

A request that never left may be sent again. One that left, wholly or in part, may have been accepted.
"""

from __future__ import annotations

import os
import socket
import zlib
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException
from requests.utils import get_environ_proxies
from urllib3 import Timeout
from urllib3 import exceptions as urllib3_errors

from airflow_provider_aliyunsms.api.connection import LARGEST_BODY, DepartureAdapter, TooLargeError
from airflow_provider_aliyunsms.api.departures import departures
from airflow_provider_aliyunsms.api.endpoints import is_loopback
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    ConfigurationError,
    ConnectionNotMadeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.connectionpool import HTTPConnectionPool

    from airflow_provider_aliyunsms.api.signature import SignedRequest

_HOSTS: Final = 16
_GZIP_OR_ZLIB: Final = 47
"""For ``zlib``: find out by the first bytes which of the two it is."""

_FAILURES: Final = (
    RequestException,
    urllib3_errors.HTTPError,
    HTTPException,
    OSError,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """
    One complete HTTP response, whatever its status.

    :param status: the HTTP status.
    :param headers: the headers of the response; look-ups ignore case.
    :param body: the whole body; not in the repr, for it may hold phone numbers.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport:
    """
    Send requests over kept-alive connections, with exactly one attempt for each call.

    One transport may be shared between threads. It follows no redirect, keeps no cookie and reads no ``.netrc``.
    Proxies are taken from the environment, except for loopback hosts. TLS certificates are always verified.

    :param connect_timeout: seconds for the TCP connection and, again, for the TLS handshake.
    :param read_timeout: seconds from the last byte of the request to the last byte of the response.
    :param pool_size: connections kept for each host; as many as there are threads that call.
    :param ca_bundle: file or folder of certificates to trust instead of ``REQUESTS_CA_BUNDLE``,
        ``CURL_CA_BUNDLE`` or the built-in ones.
    :raises ConfigurationError: a timeout is not positive, or the certificates cannot be found.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        pool_size: int = 32,
        ca_bundle: str | None = None,
    ) -> None:
        if not (connect_timeout > 0 and read_timeout > 0):
            raise ConfigurationError("Timeouts must be positive.", advice="Write them in seconds, such as 5.")
        self._timeout = Timeout(connect=connect_timeout, read=read_timeout)
        self._verify = _certificates(ca_bundle)
        self._adapter = DepartureAdapter(pool_connections=_HOSTS, pool_maxsize=pool_size, max_retries=0)
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}

    def send(self, request: SignedRequest) -> HttpResponse:
        """
        Make one attempt and return the complete response, whatever its status.

        When a kept-alive connection turns out to be closed only after the request was written to it, the outcome is
        ambiguous, and no second attempt is made here.

        :param request: the signed request.
        :returns: the response, whatever its status.
        :raises ConnectionNotMadeError: not a byte of the request left this machine.
        :raises AmbiguousOutcomeError: the request left, wholly or in part, and no complete response came back.
        """
        # Before anything else: a flag left by this thread's last request would make a request that never left count
        # as sent.
        departures.begun = False
        failure: ApiError
        try:
            return self._exchange(request)
        except _FAILURES as error:
            failure = _explain(error, departed=departures.begun)
        # Raised outside the handler: the caught error refers to the request, with its numbers and signature.
        raise failure

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()
        self._adapter.close()

    def _exchange(self, request: SignedRequest) -> HttpResponse:
        target = urlsplit(request.url)
        pool = self._pools.get((target.scheme, target.netloc)) or self._open_pool(request.url)
        # Not HTTPAdapter.send: it handles cookies and looks proxies, certificates and pool up anew for every call,
        # which costs CPU (docs/performance.md measures a call). retries and redirect must stay False: urllib3 would
        # repeat the request by itself, and a repeated send is a second message.
        response = pool.urlopen(
            "POST",
            f"/?{target.query}" if target.query else "/",
            body=request.body,
            headers=request.headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            # It is complete by then, see DepartureConnection.
            release_conn=True,
            preload_content=False,
            decode_content=False,
        )
        encoding = response.headers.get("Content-Encoding") or ""
        # urllib3 gives None for no bytes.
        body = _unpacked(response.data or b"", encoding=encoding)
        return HttpResponse(status=response.status, headers=response.headers, body=body)

    def _open_pool(self, url: str) -> HTTPConnectionPool:
        target = urlsplit(url)
        direct = is_loopback(target.hostname or "")
        proxies = {} if direct else get_environ_proxies(url, no_proxy=None)
        prepared = PreparedRequest()
        prepared.method = "POST"
        prepared.url = url
        adapter: Any = self._adapter  # the stubs know these two methods only in part
        pool: HTTPConnectionPool = adapter.get_connection_with_tls_context(
            prepared, self._verify, proxies=proxies
        )
        adapter.cert_verify(pool, url, self._verify, None)
        # Without a lock: threads that get here at the same time at worst open one pool too many.
        self._pools[target.scheme, target.netloc] = pool
        return pool


def _certificates(ca_bundle: str | None) -> str | bool:
    path = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not path:
        return True
    if not Path(path).exists():
        raise ConfigurationError(
            "The file of trusted certificates does not exist.",
            advice="Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or the connection's own setting.",
        )
    return path


def _unpacked(body: bytes, *, encoding: str) -> bytes:
    # No request asks for a packed response, but a proxy may pack one all the same.
    if not body or encoding.strip().lower() in ("", "identity"):
        return body
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    plain = unpacking.decompress(body, LARGEST_BODY + 1)
    if len(plain) > LARGEST_BODY:
        raise TooLargeError
    if not unpacking.eof:
        raise urllib3_errors.DecodeError("the packed response broke off")
    return plain


def _explain(error: Exception, *, departed: bool) -> ApiError:
    """Return the error of a failed attempt, without the libraries' texts, which hold URLs and sometimes headers."""
    chain = list(_chain(error))
    if departed:
        code, what = _after_departure(chain)
        return AmbiguousOutcomeError(
            f"The request left, but no complete answer came back: {what}.",
            code=code,
            advice="Do not send it again before a look-up shows that nothing was accepted.",
        )
    code, what, advice = _before_departure(chain)
    return ConnectionNotMadeError(f"The request never left this machine: {what}.", code=code, advice=advice)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, down to the first; requests and urllib3 keep causes in several places."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = [getattr(error, "reason", None), *reversed(error.args), error.__cause__, error.__context__]
        error = next((one for one in inner if isinstance(one, BaseException)), None)


def _after_departure(chain: list[BaseException]) -> tuple[str, str]:
    if _has(chain, TooLargeError):
        return "AnswerTooLarge", "the response is too large"
    if _has(chain, urllib3_errors.ReadTimeoutError, TimeoutError):
        return "ReadTimeout", "the read timeout passed"
    if _has(chain, IncompleteRead, urllib3_errors.InvalidChunkLength, urllib3_errors.DecodeError, zlib.error):
        return "TruncatedAnswer", "the answer broke off or could not be decoded"
    if _has(chain, OSError, HTTPException):
        return "ConnectionLost", "the connection was lost"
    return "NoAnswer", "the answer could not be read"


def _before_departure(chain: list[BaseException]) -> tuple[str, str, str]:
    # The first match counts, so the order matters: urllib3 wraps a connection that a proxy refused, or that timed out
    # on the way to it, in a ProxyError.
    if _has(chain, socket.gaierror, urllib3_errors.NameResolutionError):
        return (
            "NameNotResolved",
            "the host name cannot be resolved",
            "Check the endpoint and this worker's DNS.",
        )
    if _has(chain, urllib3_errors.ProxyError):
        return "ProxyFailed", "the proxy did not open a way", "Check HTTPS_PROXY and NO_PROXY of this worker."
    if _has(chain, ConnectionRefusedError):
        return "ConnectionRefused", "the connection was refused", "Check the endpoint and the firewall."
    if _has(chain, urllib3_errors.ConnectTimeoutError, urllib3_errors.ReadTimeoutError, TimeoutError):
        return (
            "ConnectTimeout",
            "no connection within the connect timeout",
            "Check the network, or raise connect_timeout.",
        )
    if _has(chain, urllib3_errors.SSLError):
        return (
            "TlsFailed",
            "the TLS handshake failed",
            "Check the endpoint, the trusted certificates and any proxy that breaks TLS open.",
        )
    return "ConnectionFailed", "no connection could be made", "Check the endpoint and this worker's network."


def _has(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(one, kinds) for one in chain)

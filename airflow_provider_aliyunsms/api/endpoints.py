# SPDX-License-Identifier: Apache-2.0
"""
Choose the host that calls go to, from a region or from an address in the connection.

Plain http is allowed to this machine only.

https://help.aliyun.com/document_detail/68360.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from airflow_provider_aliyunsms.exceptions import ConfigurationError

_CENTRAL: Final = "dysmsapi.aliyuncs.com"
_SINGAPORE: Final = "dysmsapi.ap-southeast-1.aliyuncs.com"
_REGIONS: Final = {
    "ap-southeast-1": _SINGAPORE,
    "ap-southeast-5": "dysmsapi.ap-southeast-5.aliyuncs.com",
    "eu-central-1": "dysmsapi.eu-central-1.aliyuncs.com",
    "us-east-1": "dysmsapi.us-east-1.aliyuncs.com",
    "ap-northeast-2-pop": _SINGAPORE,
    "eu-west-1-oxs": _SINGAPORE,
    "rus-west-1-pop": _SINGAPORE,
}
_REGION_ID: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_ADVICE: Final = "Write it like https://dysmsapi.aliyuncs.com, or leave it empty for the default."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    The scheme and host of one API server.

    :param scheme: ``https``, or ``http`` for a loopback host.
    :param host: the host, with its port unless that is the scheme's default.
    """

    scheme: str
    host: str

    @property
    def url(self) -> str:
        """The URL that every call is posted to."""
        return f"{self.scheme}://{self.host}/"


def china_endpoint(*, region_id: str | None, override: str | None) -> Endpoint:
    """
    Return the endpoint of the 2017-05-25 API, for mainland China.

    :param region_id: such as ``cn-hangzhou``; None and unknown regions mean the central endpoint.
    :param override: an endpoint to use instead, see :func:`parse_endpoint`; None or blank for the region's.
    :raises ConfigurationError: the one that is used is malformed.
    """
    return _choose(region_id=region_id, override=override, default=_CENTRAL)


def globe_endpoint(*, region_id: str | None, override: str | None) -> Endpoint:
    """
    Return the endpoint of the 2018-05-01 API, for the rest of the world.

    :param region_id: such as ``ap-southeast-1``; None and unknown regions mean Singapore, ``cn-`` regions
        the central endpoint.
    :param override: an endpoint to use instead, see :func:`parse_endpoint`; None or blank for the region's.
    :raises ConfigurationError: the one that is used is malformed.
    """
    return _choose(region_id=region_id, override=override, default=_SINGAPORE)


def parse_endpoint(override: str) -> Endpoint:
    """
    Parse an endpoint that was written by hand.

    :param override: a host, or a URL without a path. Without a scheme it means https; http is allowed for a loopback
        host only.
    :raises ConfigurationError: the text is anything else. The error does not repeat it, for it may hold a password.
    """
    text = override.strip()
    if not text.isprintable():  # urlsplit would silently drop line ends
        raise ConfigurationError("The endpoint holds control characters.", advice=_ADVICE)
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        raise ConfigurationError("The endpoint is not a URL.", advice=_ADVICE) from None
    host = _checked_host(parts)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            "Plain http is allowed to this machine only; elsewhere the network would see phone numbers.",
            advice="Write the endpoint with https.",
        )
    shown = f"[{host}]" if ":" in host else host
    return Endpoint(
        scheme=parts.scheme,
        host=shown if port is None or port == _DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}",
    )


def is_loopback(host: str) -> bool:
    """Return whether a host, given without its port, is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _choose(*, region_id: str | None, override: str | None, default: str) -> Endpoint:
    if override and override.strip():
        return parse_endpoint(override)
    if not region_id:
        return Endpoint(scheme="https", host=default)
    region = region_id.strip().lower()
    if not _REGION_ID.fullmatch(region):
        raise ConfigurationError("The region id is malformed.", advice="Write it like cn-hangzhou.")
    return Endpoint(
        scheme="https", host=_REGIONS.get(region, _CENTRAL if region.startswith("cn-") else default)
    )


def _checked_host(parts: SplitResult) -> str:
    if parts.scheme not in _DEFAULT_PORTS:
        raise ConfigurationError("The endpoint is neither https nor http.", advice=_ADVICE)
    if "@" in parts.netloc:
        raise ConfigurationError("The endpoint holds a user name or password.", advice=_ADVICE)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigurationError("The endpoint has a path or a query.", advice=_ADVICE)
    host = (parts.hostname or "").lower()
    if not (_HOST_NAME.fullmatch(host) or _is_ip(host)):
        raise ConfigurationError("The endpoint has no valid host name.", advice=_ADVICE)
    return host


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host

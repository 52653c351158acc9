# SPDX-License-Identifier: Apache-2.0
"""Hold the settings of a simulator; the control API can change some of them while it runs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_CURRENCY: Final = re.compile("[A-Z]{3}")

FIRST_ACCOUNT: Final = "first"
"""The account of the AccessKey that a simulator always knows."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The made-up secret of an AccessKey, and the name of the account that it belongs to."""

    secret: str = field(repr=False)
    account: str = FIRST_ACCOUNT


@dataclass(slots=True, kw_only=True)
class Options:
    """
    The settings of one simulator, checked when an instance is made.

    :param access_key_id: the AccessKey ID that the gateway accepts.
    :param access_key_secret: the secret of that AccessKey; made up, never a real one.
    :param security_token: an STS token that every request must carry; with None no request may carry one.
    :param delivery_delay: seconds from acceptance to the carrier's receipt.
    :param record_lag: seconds until ``QuerySendDetails`` and ``QueryMessage`` find an accepted message.
    :param globe_qps: ``BatchSendMessageToGlobe`` calls per sliding second and account; 0 means no limit.
    :param china_qps: calls per sliding second of each 2017-05-25 action; 0 means no limit.
    :param more_access_keys: further AccessKeys by id; each has a secret and an account, which may be the first one's.
    :param clock_offset: seconds by which the gateway's clock is ahead of this machine's.
    :param tells_time: whether responses have a ``Date`` header.
    :param shows_out_id: whether ``QuerySendDetails`` returns the ``OutId`` of a message.
    :param refuses_nonces: whether a nonce that was used within 15 minutes is refused.
    :param accepts_in_part: whether a batch that is refused for one number is sent to the others all the same.
    :param limits_frequency: whether China sends keep the platform's limits per phone number.
    :param refuses_undefined: whether China sends are refused when template or signature was not defined.
    :param globe_reads_form: whether the Globe API takes parameters from the body, too.
    :param china_price: what one part of a China message costs, in ``currency``; made up, and only shown.
    :param globe_price: the same for a Globe message, whatever the country.
    :param currency: three letters.
    :param journal: a file that keeps messages and nonces across restarts; it holds numbers and texts, so it is made
        readable by its owner alone.
    :param memory_limit: megabytes, estimated, that messages and nonces may take; then sends are refused. At least 1.
    :param allowed_hosts: names by which clients may address the simulator, beside ``localhost`` and IP addresses.
    :raises ConfigurationError: a duration, a rate or a price is negative, the currency is no currency, or there
        is no memory.
    """

    access_key_id: str = "testid"
    access_key_secret: str = field(default="testsecret", repr=False)
    security_token: str | None = field(default=None, repr=False)
    delivery_delay: float = 1.0
    record_lag: float = 0.0
    globe_qps: int = 1
    china_qps: int = 5000
    more_access_keys: Mapping[str, AccessKey] = field(default_factory=dict, repr=False)
    clock_offset: float = 0.0
    tells_time: bool = True
    shows_out_id: bool = True
    refuses_nonces: bool = True
    accepts_in_part: bool = False
    globe_reads_form: bool = True
    limits_frequency: bool = False
    refuses_undefined: bool = False
    china_price: float = 0.045
    globe_price: float = 0.3
    currency: str = "CNY"
    journal: Path | None = None
    memory_limit: int = 2048
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("delivery_delay", "record_lag", "globe_qps", "china_qps", "china_price", "globe_price"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative")
        if not _CURRENCY.fullmatch(self.currency):
            raise ConfigurationError("currency must be three capital letters, such as CNY")
        if self.memory_limit < 1:
            raise ConfigurationError("memory_limit must be at least 1 megabyte")

    def access_key(self, key_id: str) -> AccessKey | None:
        """Return the secret and the account of an AccessKey ID, None for one that is not known."""
        if key_id == self.access_key_id:
            return AccessKey(secret=self.access_key_secret, account=FIRST_ACCOUNT)
        return self.more_access_keys.get(key_id)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

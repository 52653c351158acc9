# SPDX-License-Identifier: Apache-2.0
"""Hold the settings of a simulator; the control API can change some of them while it runs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Options:
    """
    The settings of one simulator, checked when an instance is made.

    :param access_key_id: the only AccessKey ID that the gateway accepts.
    :param access_key_secret: the secret of that AccessKey; made up, never a real one.
    :param security_token: an STS token that every request must carry; with None no request may carry one.
    :param delivery_delay: seconds from acceptance to the carrier's receipt.
    :param record_lag: seconds until ``QuerySendDetails`` and ``QueryMessage`` find an accepted message.
    :param globe_qps: ``BatchSendMessageToGlobe`` calls per sliding second and account; 0 means no limit.
    :param china_qps: calls per sliding second of each 2017-05-25 action; 0 means no limit.
    :param journal: a file that keeps messages and nonces across restarts; it holds numbers and texts, so it is made
        readable by its owner alone.
    :param memory_limit: megabytes, estimated, that messages and nonces may take; then sends are refused. At least 1.
    :param allowed_hosts: names by which clients may address the simulator, beside ``localhost`` and IP addresses.
    :raises ConfigurationError: a duration or a rate is negative, or there is no memory.
    """

    access_key_id: str = "testid"
    access_key_secret: str = field(default="testsecret", repr=False)
    security_token: str | None = field(default=None, repr=False)
    delivery_delay: float = 1.0
    record_lag: float = 0.0
    globe_qps: int = 1
    china_qps: int = 5000
    journal: Path | None = None
    memory_limit: int = 2048
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("delivery_delay", "record_lag", "globe_qps", "china_qps"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative")
        if self.memory_limit < 1:
            raise ConfigurationError("memory_limit must be at least 1 megabyte")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

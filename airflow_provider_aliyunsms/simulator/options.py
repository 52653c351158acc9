# SPDX-License-Identifier: Apache-2.0
"""What a simulator can be told before and while it runs."""

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
    The settings of one simulator; cheap, checked when made.

    :param access_key_id: the only AccessKey ID the gateway knows.
    :param access_key_secret: its secret.
    :param security_token: when set, every request must carry exactly this STS token.
    :param delivery_delay: seconds from acceptance to the carrier's receipt.
    :param record_lag: seconds until ``QuerySendDetails`` and ``QueryMessage`` see an accepted message.
    :param globe_qps: ``BatchSendMessageToGlobe`` calls per sliding second and account; 0 means no limit.
    :param china_qps: the same for each 2017-05-25 action.
    :param journal: a file that outlives the process; holds numbers and texts, so it is made private.
    :raises ConfigurationError: a duration or a rate is negative.
    """

    access_key_id: str = "testid"
    access_key_secret: str = field(default="testsecret", repr=False)
    security_token: str | None = field(default=None, repr=False)
    delivery_delay: float = 1.0
    record_lag: float = 0.0
    globe_qps: int = 1
    china_qps: int = 5000
    journal: Path | None = None

    def __post_init__(self) -> None:
        for name in ("delivery_delay", "record_lag", "globe_qps", "china_qps"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

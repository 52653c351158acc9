# SPDX-License-Identifier: Apache-2.0
"""A small client of the control API, for tests in Python."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_aliyunsms.simulator.control import PREFIX

_TIMEOUT_S = 30


class SimulatorClient:
    """
    Looks into a running simulator and tells it what to do; one HTTP call per method, never repeated.

    :param url: the simulator's base URL, without a slash at the end.
    :raises requests.RequestException: from every method, when the simulator does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        # a proxy from the environment must not come between a test and loopback
        self._session.trust_env = False

    @property
    def endpoint(self) -> str:
        """Host and port, as the official SDKs want their endpoint."""
        return self.url.partition("://")[2]

    def messages(self, *, number: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Give accepted messages, newest first."""
        query = {"limit": str(limit)} | ({} if number is None else {"number": number})
        found: list[dict[str, Any]] = self._call("GET", "/messages", params=query)
        return found

    def counts(self, *, duplicates: bool = False) -> dict[str, int]:
        """Give the number of accepted messages per phone."""
        found: dict[str, int] = self._call("GET", "/counts", params={"duplicates": str(int(duplicates))})
        return found

    def stats(self) -> dict[str, Any]:
        """Give what happened so far."""
        found: dict[str, Any] = self._call("GET", "/stats")
        return found

    def misbehave(self, fault: str, **settings: Any) -> None:
        """Plan a fault; the settings are ``action``, ``times``, ``skip``, ``seconds`` and ``probability``."""
        self._call("POST", "/misbehave", json={"fault": fault, **settings})

    def behave(self) -> None:
        """Take back every open fault."""
        self._call("DELETE", "/misbehave")

    def options(self, **changes: float) -> None:
        """Change ``delivery_delay``, ``record_lag``, ``globe_qps`` or ``china_qps``."""
        self._call("POST", "/options", json=changes)

    def templates(self, texts: dict[str, str]) -> None:
        """Give template codes their texts."""
        self._call("POST", "/templates", json=texts)

    def reset(self) -> None:
        """Make the simulator as new."""
        self._call("POST", "/reset")

    def close(self) -> None:
        """Close the connections to the simulator."""
        self._session.close()

    def _call(self, method: str, path: str, **settings: Any) -> Any:
        response = self._session.request(method, f"{self.url}{PREFIX}{path}", timeout=_TIMEOUT_S, **settings)
        response.raise_for_status()
        return response.json()

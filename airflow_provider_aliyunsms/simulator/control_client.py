# SPDX-License-Identifier: Apache-2.0
"""Call the control API of a running simulator from a Python test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_aliyunsms.simulator.control import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT_S = 30


class SimulatorClient:
    """
    Read and change the state of a running simulator through its control API.

    Each method makes one HTTP call, with a timeout of 30 seconds, and never repeats it.

    :param url: the simulator's base URL, without a slash at the end.
    :param trusted: a PEM file with the certificates to trust, for a simulator that speaks TLS; None for those of this
        machine.
    :raises requests.RequestException: from every method, when the simulator does not respond or refuses.
    """

    def __init__(self, url: str, *, trusted: Path | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        # A proxy from the environment must not be used: it could not reach the loopback address of this machine.
        self._session.trust_env = False
        if trusted is not None:
            self._session.verify = str(trusted)

    @property
    def endpoint(self) -> str:
        """The host and port, in the form that the official SDKs take as endpoint."""
        return self.url.partition("://")[2]

    def messages(self, *, number: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return the accepted messages, newest first, of one phone number or of all."""
        query = {"limit": str(limit)} | ({} if number is None else {"number": number})
        found: list[dict[str, Any]] = self._call("GET", "/messages", params=query)
        return found

    def counts(self, *, duplicates: bool = False) -> dict[str, int]:
        """Return the number of accepted messages for each phone number; with ``duplicates`` only those above one."""
        found: dict[str, int] = self._call("GET", "/counts", params={"duplicates": str(int(duplicates))})
        return found

    def stats(self) -> dict[str, Any]:
        """Return counts of all requests, messages, refusals and faults so far."""
        found: dict[str, Any] = self._call("GET", "/stats")
        return found

    def misbehave(self, fault: str, **settings: Any) -> None:
        """Plan a fault; the settings are the fields of :class:`.Fault`, such as ``action`` and ``times``."""
        self._call("POST", "/misbehave", json={"fault": fault, **settings})

    def behave(self) -> None:
        """Cancel every open fault."""
        self._call("DELETE", "/misbehave")

    def options(self, **changes: float) -> None:
        """Change options by their names, such as ``record_lag`` or ``accepts_in_part``."""
        self._call("POST", "/options", json=changes)

    def templates(self, definitions: Mapping[str, str | Mapping[str, Any]]) -> None:
        """
        Define templates by their code.

        :param definitions: for each code its text, with ``${name}`` placeholders, or a mapping with ``text`` and
            perhaps ``kind``, ``status`` and ``variables``, in the words of docs/simulator.md.
        """
        self._call("POST", "/templates", json=definitions)

    def signatures(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        """
        Define signatures by their name.

        :param definitions: for each name a mapping, with ``status`` and ``carriers`` where they are not ``approved``
            and ``filed``.
        """
        self._call("POST", "/signatures", json=definitions)

    def clear(self) -> None:
        """Remove all messages, from the journal as well, and keep everything else."""
        self._call("DELETE", "/messages")

    def reset(self) -> None:
        """Return the simulator to its state at the start and empty its journal."""
        self._call("POST", "/reset", json={})

    def close(self) -> None:
        """Close the connections to the simulator."""
        self._session.close()

    def _call(self, method: str, path: str, **settings: Any) -> Any:
        response = self._session.request(method, f"{self.url}{PREFIX}{path}", timeout=_TIMEOUT_S, **settings)
        response.raise_for_status()
        return response.json()

# SPDX-License-Identifier: Apache-2.0
"""Tell where a path of a send task is: on one machine's disk, or where the other workers find it too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_ON_ONE_MACHINE = {"LocalExecutor", "SequentialExecutor", "DebugExecutor"}

_CONSEQUENCES = {
    "ledger_path": "a try on another machine would find no ledger there and refuse to send",
    "receipts_path": "a sensor on another machine, or a deferred one, would not find the receipts",
}


def warn_of_local_places(places: Mapping[str, str | None], *, executor: str | None) -> None:
    """
    Log a warning for each path on a local disk, when the executor may run other tasks on other machines.

    :param places: the parameters with their values; one without a value is left out.
    :param executor: the executor that the task asks for; None for the deployment's own.
    """
    remote = remote_executor(executor)
    if remote is None:
        return
    for name, path in places.items():
        if path and _is_local(path):
            say(
                log,
                logging.WARNING,
                "%s is on this machine's disk, and %s may run tasks on others: %s.",
                name,
                remote,
                _CONSEQUENCES[name],
                next_step="Give a storage that all workers and the triggerer can read, such as s3://; a folder "
                "that is mounted on all of them is one.",
            )


def remote_executor(asked_for: str | None) -> str | None:
    """
    Return the name of the task's executor if it runs tasks on several machines; None if it does not.

    :param asked_for: the ``executor`` of the task: a name, an alias or a class path; None for the first one of the
        deployment.
    """
    configured = str(conf.get("core", "executor", fallback="LocalExecutor"))
    known: dict[str, str] = {}
    for each in configured.split(","):
        # As in "alias:path.to.Class", with the names of a team before it in newer versions.
        path = each.strip().rpartition("=")[2]
        alias, _, named = path.rpartition(":")
        name = (named or path).rpartition(".")[2]
        known |= {key: name for key in (alias, named, name) if key}
    chosen = known.get(asked_for or "", asked_for) or next(iter(known.values()), "")
    name = str(chosen).rpartition(".")[2]
    return None if name in _ON_ONE_MACHINE or not name else name


def _is_local(path: Any) -> bool:
    scheme, found, _ = str(path).partition("://")
    return not found or scheme in ("file", "local")

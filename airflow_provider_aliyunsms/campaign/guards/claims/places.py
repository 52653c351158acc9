# SPDX-License-Identifier: Apache-2.0
"""Open the store of claims that a text names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from airflow_provider_aliyunsms.campaign.guards.claims.subjects import Hashes
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ClaimsError, ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.guards.claims.records import Claims
    from airflow_provider_aliyunsms.campaign.guards.facts import Facts
    from airflow_provider_aliyunsms.campaign.ledger import StoragePath

_SQL: Final = "sql:"
_PREFIX: Final = "aliyunsms_"
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}")

_began: WeakKeyDictionary[Facts, int] = WeakKeyDictionary()


def began_ms(facts: Facts) -> int:
    """
    Return when a try first asked for this, in milliseconds since the epoch: the time of all its claims.

    By this time a store tells the claims of one try from those of a later one.
    """
    return _began.setdefault(facts, int(facts.now.timestamp() * 1000))


def check_place(place: str) -> None:
    """
    Check the form of a place; touches nothing.

    :param place: a folder (path or URI), ``sql:<conn_id>`` or ``sql:<conn_id>/<prefix of the tables>``.
    :raises ConfigurationError: it is of no such form.
    """
    if not isinstance(place, str) or not place.strip():
        raise ConfigurationError(
            "a store is a text", advice="Name a folder, such as s3://aws@bucket/sms, or sql:my_database."
        )
    if place.startswith(_SQL):
        _split(place)


def open_claims(place: str, *, facts: Facts, keep_ms: int) -> Claims:
    """
    Open the store at a place for one try of a campaign; in a dry run it is only looked at.

    A local folder must exist: one that is not there may be one that is not mounted, with all its claims. The tables
    of a database, and what is in a folder, are made when they are missing.

    :param place: see :func:`check_place`.
    :param facts: the campaign, the deployment, the secret and the time.
    :param keep_ms: the longest window that will be asked for, in milliseconds.
    :raises AliyunSmsError: it cannot be used.
    """
    check_place(place)
    hashes = Hashes(facts.secret)
    campaign = hashes.of_campaign(facts.campaign_id, ledger_name=facts.ledger_name)
    if place.startswith(_SQL):
        from airflow_provider_aliyunsms.campaign.guards.claims.sql import SqlClaims

        conn_id, prefix = _split(place)
        return SqlClaims(
            connect=lambda: facts.surroundings.sql_connection(conn_id),
            prefix=prefix,
            campaign=campaign,
            began_ms=began_ms(facts),
            keep_ms=keep_ms,
            secret=hashes.fingerprint,
            look_only=facts.dry_run,
        )
    from airflow_provider_aliyunsms.campaign.guards.claims.folder import FolderClaims

    return FolderClaims(
        root=_root(place, facts=facts),
        campaign=campaign,
        began_ms=began_ms(facts),
        keep_ms=keep_ms,
        secret=hashes.fingerprint,
        look_only=facts.dry_run,
    )


def _root(place: str, *, facts: Facts) -> StoragePath:
    try:
        root = facts.surroundings.storage_path(place)
    except AliyunSmsError:
        raise
    # Airflow and the storages' packages have errors of many kinds.
    except Exception as error:
        raise ClaimsError(
            f"the folder of the claims cannot be opened ({type(error).__name__})",
            advice="Check the guard's store and its Airflow connection, then clear the task.",
        ) from error
    local = getattr(root, "protocol", None) in (None, "file", "local")
    if local and not Path(str(getattr(root, "path", root))).is_dir():
        raise ClaimsError(
            "the folder of the claims does not exist on this machine",
            advice="Make it once, empty, where all workers have it; if it is to be mounted, mount it.",
        )
    return root


def _split(place: str) -> tuple[str, str]:
    conn_id, slash, prefix = place.removeprefix(_SQL).partition("/")
    if not conn_id or (slash and not _IDENTIFIER.fullmatch(prefix)):
        raise ConfigurationError(
            "a store in a database is sql:<conn_id>, or sql:<conn_id>/<prefix of the tables>",
            advice="The prefix has letters, digits and underscores, at most 31.",
        )
    return conn_id, prefix.lower() or _PREFIX

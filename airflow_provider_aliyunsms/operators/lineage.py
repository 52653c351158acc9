# SPDX-License-Identifier: Apache-2.0
"""
Tell OpenLineage where the recipients of a campaign come from, and how many messages went out.

Inputs are the audience file, or the tables that a query reads; the output is the campaign. No number, text or
parameter of a query is told, and no query either: people write numbers into conditions. Nothing is read for it: no
file is opened and no database is asked, and an error of it leaves the task as it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_aliyunsms.private import unwrap
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_aliyunsms.products import Product

log = logging.getLogger(__name__)

_DEFAULT_SCHEMAS: Final = {"postgres": "public", "redshift": "public"}
_AZURE: Final = ".core.windows.net"


def send_lineage(
    *,
    name: str,
    product: Product,
    recipients: Any,
    sql: Any,
    conn_id: str | None,
    summary: Mapping[str, Any] | None,
) -> OperatorLineage[Any, Any] | None:
    """
    Return inputs and output of a send task; None where there is no OpenLineage, or it cannot be told.

    :param name: the name of the campaign as a dataset.
    :param recipients: those of the operator; only a path is told.
    :param sql: the query of the operator.
    :param conn_id: the connection to its database.
    :param summary: the result of a try that has ended; None at its start.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage

        outputs = []
        if summary is not None and not summary.get("dry_run"):
            outputs = [_campaign(name, product=product, accepted=summary["accepted"])]
        inputs = _inputs(unwrap(recipients), sql=unwrap(sql), conn_id=conn_id)
        return OperatorLineage(inputs=inputs, outputs=outputs)
    except ImportError:
        return None
    # Hooks and parsers of other packages, or one of them half installed; lineage is told beside the task, and must
    # not fail it.
    except Exception as error:  # noqa: BLE001
        log.debug("The lineage could not be told (%s).", type(error).__name__)
        return None


def file_dataset_name(path: str) -> tuple[str, str]:
    """
    Return namespace and name of a file by the conventions of OpenLineage, without credentials, queries or fragments.

    :param path: a local path, or a URI of any storage.
    """
    parts = urlsplit(path)
    if parts.scheme in ("", "file", "local"):
        return "file", parts.path if parts.scheme else path
    host = parts.netloc
    # Before the host stands an Airflow connection or a password, or the container of an Azure storage.
    named = host.split("@")
    host = "@".join(named[-2:]) if host.endswith(_AZURE) else named[-1]
    return f"{parts.scheme}://{host}", parts.path.lstrip("/") or "/"


def _inputs(recipients: Any, *, sql: Any, conn_id: str | None) -> list[Any]:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    if isinstance(recipients, str):
        if not _is_file(recipients):
            return []
        namespace, name = file_dataset_name(recipients.strip())
        return [Dataset(namespace=namespace, name=name)]
    if isinstance(sql, str) and conn_id:
        return _tables(sql, conn_id=conn_id)
    return []


def _is_file(text: str) -> bool:
    """Return whether a text names an audience file; it may be a number, or a list that a template wrote as text."""
    from airflow_provider_aliyunsms.audience.sources import FILE_ENDINGS

    return text.strip().lower().removesuffix(".gz").endswith(tuple(FILE_ENDINGS))


def _tables(sql: str, *, conn_id: str) -> list[Any]:
    """Return the tables that a query reads, named by the hook of its database; none for a hook that cannot."""
    from airflow.providers.common.compat.sdk import BaseHook
    from airflow.providers.openlineage.sqlparser import SQLParser

    connection: Any = BaseHook.get_connection(conn_id)
    hook: Any = connection.get_hook()
    info = hook.get_openlineage_database_info(connection)
    if info is None:
        return []
    dialect = hook.get_openlineage_database_dialect(connection)
    # Not get_openlineage_default_schema(): some hooks ask the database for it.
    parser = SQLParser(dialect=dialect, default_schema=_DEFAULT_SCHEMAS.get(dialect))
    found = parser.generate_openlineage_metadata_from_sql(
        sql=sql, hook=hook, database_info=info, use_connection=False
    )
    # The rest of it holds the query.
    return list(found.inputs)


def _campaign(name: str, *, product: Product, accepted: int) -> Any:
    from airflow.providers.common.compat.openlineage.facet import (
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )

    return OutputDataset(
        namespace=f"aliyunsms://{'china' if product is CHINA else 'globe'}",
        name=name,
        outputFacets={"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=accepted)},
    )

# SPDX-License-Identifier: Apache-2.0
"""Whether Parquet can be read and written here."""

from __future__ import annotations

from airflow_provider_aliyunsms.exceptions import ConfigurationError


def check_parquet() -> None:
    """
    Make sure that Parquet can be read and written. The first call imports ``pyarrow``: some 0.3 seconds.

    :raises ConfigurationError: when it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - only whether it is there
    except ImportError:
        msg = "Parquet files need the package pyarrow"
        raise ConfigurationError(msg, advice="pip install 'airflow-provider-aliyunsms[parquet]'.") from None

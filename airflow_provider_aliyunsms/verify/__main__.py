# SPDX-License-Identifier: Apache-2.0
"""Check an account with up to three messages to its owner: ``python -m airflow_provider_aliyunsms.verify``."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Airflow 3 looks a connection up in its database only in a process that says it is no worker, as its own commands
    # do. Before the import, because Airflow reads it when it is first imported.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from airflow_provider_aliyunsms.verify.command import main

    sys.exit(main())

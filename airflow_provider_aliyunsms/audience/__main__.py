# SPDX-License-Identifier: Apache-2.0
"""Print the report on an audience file: ``python -m airflow_provider_aliyunsms.audience``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Imported here, so that importing this module alone costs nothing.
    from airflow_provider_aliyunsms.audience.report.preview import main

    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: a slow or busy machine makes no test fail."""

from __future__ import annotations

import contextlib

# Not everywhere where tests run: the oldest versions are tried without it.
with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")

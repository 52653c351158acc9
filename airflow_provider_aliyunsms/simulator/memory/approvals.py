# SPDX-License-Identifier: Apache-2.0
"""Name the states of approval that templates and signatures share."""

from __future__ import annotations

from enum import StrEnum


class Approval(StrEnum):
    """The state of the vendor's review of a template or a signature; only what is approved can be sent with."""

    IN_REVIEW = "in review"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"

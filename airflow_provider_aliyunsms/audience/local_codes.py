# SPDX-License-Identifier: Apache-2.0
"""The reasons this package itself has for not sending to a row, next to the API's own codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.codes.local import LocalCode


class RowRejected(ValueError):  # noqa: N818 - control flow inside the audience, never raised to a user
    """
    A row that cannot become a recipient: it gets a receipt and the campaign goes on without it.

    :param code: why, as a code.
    :param field: the column or key at fault.
    :param reason: why, in words, without the value.
    """

    def __init__(self, *, code: LocalCode, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason

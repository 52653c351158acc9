# SPDX-License-Identifier: Apache-2.0
"""Define the approval of a rehearsal; importing it needs Airflow 3.1 and its provider ``standard``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

DIGEST_KEY = "digest"
"""The XCom key of the digest of the rehearsal that was shown."""

# Before it had a name of its own, the wait was the operator's execution_timeout.
_TIMEOUT = (
    "response_timeout"
    if "response_timeout" in inspect.signature(HITLOperator.__init__).parameters
    else "execution_timeout"
)


class AliyunSmsApprovalOperator(ApprovalOperator):  # type: ignore[misc, unused-ignore]
    """
    Ask a person whether a campaign is to be sent as it was rehearsed.

    Keeps the digest of the rehearsal that the person sees under the XCom key ``digest``. Who sends by that digest
    sends what was approved, also when the rehearsal runs again later and is not approved anew.

    :param rehearsal: the id of the rehearsal.
    :param response_timeout: how long to wait for an answer; after it the task fails. None for no end.

    The other parameters are those of Airflow's ``ApprovalOperator``.
    """

    def __init__(self, *, rehearsal: str, response_timeout: timedelta | None = None, **kwargs: Any) -> None:
        kwargs[_TIMEOUT] = response_timeout
        super().__init__(**kwargs)
        self.rehearsal = rehearsal

    def execute(self, context: Context) -> Any:
        """
        Keep the digest, and wait for the answer.

        :raises ConfigurationError: the rehearsal left nothing to show.
        """
        ti: Any = context["ti"]
        found = ti.xcom_pull(task_ids=self.rehearsal)
        if not isinstance(found, dict) or not found.get("rehearsal"):
            raise ConfigurationError(
                f"the task '{self.rehearsal}' left nothing to show",
                advice="Run the rehearsal of this run first.",
            )
        ti.xcom_push(key=DIGEST_KEY, value=found["rehearsal"]["digest"])
        return super().execute(context)

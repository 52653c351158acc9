# SPDX-License-Identifier: Apache-2.0
"""Define the approval of a rehearsal; importing it needs Airflow 3.1 and its provider ``standard``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

DIGEST_KEY = "digest"
"""The XCom key of the digest of the rehearsal that was shown."""


class AliyunSmsApprovalOperator(ApprovalOperator):  # type: ignore[misc, unused-ignore]
    """
    Ask a person whether a campaign is to be sent as it was rehearsed.

    Keeps the digest of the rehearsal that the person sees under the XCom key ``digest``. Who sends by that digest
    sends what was approved, also when the rehearsal runs again later and is not approved anew.

    :param rehearsal: the id of the rehearsal.

    The other parameters are those of Airflow's ``ApprovalOperator``.
    """

    def __init__(self, *, rehearsal: str, **kwargs: Any) -> None:
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

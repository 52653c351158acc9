# SPDX-License-Identifier: Apache-2.0
"""
A ready-made retry policy for the send operators, for Airflow 3.3 and later.

Import it only there::

    from airflow_provider_aliyunsms.retry_policies import SEND_RETRY_POLICY

    AliyunSendBatchSmsOperator(..., retries=5, retry_policy=SEND_RETRY_POLICY)

It changes when a retry comes, and whether; never whether it is safe: the ledger sees to that. ``retries`` remains
the limit. A doomed campaign, a second try without a ledger and too many refusals fail the task without asking any
policy.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from airflow_provider_aliyunsms.exceptions import (
    AudienceError,
    ConfigurationError,
    LedgerError,
    NotSentError,
    OutcomeUnknownError,
    SendInterruptedError,
    ThrottledError,
)

__all__ = ["SEND_RETRY_POLICY"]

SEND_RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=ThrottledError,
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=5),
            reason="The gateway refuses calls for their rate: wait.",
        ),
        RetryRule(
            exception=NotSentError,
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=30),
            reason="The gateway could not be reached.",
        ),
        RetryRule(
            exception=OutcomeUnknownError,
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=10),
            reason="Some calls have no clear answer yet: look again when the settle time has passed.",
        ),
        RetryRule(
            exception=[LedgerError, SendInterruptedError],
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=30),
            reason="Sending was interrupted: go on where it stopped.",
        ),
        RetryRule(
            exception=[ConfigurationError, AudienceError],
            action=RetryAction.FAIL,
            reason="Parameters, connection or audience are wrong: another try would meet the same.",
        ),
    ]
)
"""Throttled: wait; network: retry; unknown: wait for the evidence; doomed or wrong: fail."""

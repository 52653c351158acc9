# SPDX-License-Identifier: Apache-2.0
"""
Provide a ready-made retry policy for the send operators, for Airflow 3.3 and later.

Import it only under such a version::

    from airflow_provider_aliyunsms.retry_policies import SEND_RETRY_POLICY

    AliyunSendBatchSmsOperator(..., retries=5, retry_policy=SEND_RETRY_POLICY)

The policy decides whether and when Airflow runs another try. The ledger makes every try safe, with or without the
policy. ``retries`` remains the limit. A doomed campaign, a second try without a ledger and too many refusals fail the
task without asking any policy.
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
    ReceiptsError,
    SendInterruptedError,
    ThrottledError,
)

__all__ = ["SEND_RETRY_POLICY"]

SEND_RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        # The first rule that matches decides: ThrottledError is a NotSentError, so its rule must come first.
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
            exception=[LedgerError, SendInterruptedError, ReceiptsError],
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=30),
            reason="The try was interrupted: go on where it stopped.",
        ),
        RetryRule(
            exception=[ConfigurationError, AudienceError],
            action=RetryAction.FAIL,
            reason="Parameters, connection or audience are wrong: another try would meet the same.",
        ),
    ]
)
"""
The retry policy for the send operators.

It retries after 5 minutes when the gateway refused calls for their rate, after 10 minutes when outcomes are unknown,
and after 30 seconds when the gateway could not be reached, the ledger or the writing of the receipts failed, or
sending was interrupted. It fails the task when parameters, connection or audience are wrong; credentials that were
refused count as a wrong connection.
"""

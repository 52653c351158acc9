# SPDX-License-Identifier: Apache-2.0
"""The ready-made retry policy retries what may pass, and nothing else."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import RetryAction

from airflow_provider_aliyunsms.exceptions import (
    AudienceError,
    ConfigurationError,
    ConnectionNotMadeError,
    CredentialsError,
    CredentialsRefusedError,
    LedgerError,
    NotSentError,
    OutcomeUnknownError,
    ReceiptsError,
    SendInterruptedError,
    ThrottledError,
)
from airflow_provider_aliyunsms.retry_policies import SEND_RETRY_POLICY


@pytest.mark.parametrize(
    ("kind", "action", "seconds"),
    [
        (ThrottledError, RetryAction.RETRY, 300),
        (NotSentError, RetryAction.RETRY, 30),
        (ConnectionNotMadeError, RetryAction.RETRY, 30),
        (OutcomeUnknownError, RetryAction.RETRY, 600),
        (LedgerError, RetryAction.RETRY, 30),
        (SendInterruptedError, RetryAction.RETRY, 30),
        (ReceiptsError, RetryAction.RETRY, 30),
        (CredentialsRefusedError, RetryAction.FAIL, None),
        (CredentialsError, RetryAction.FAIL, None),
        (ConfigurationError, RetryAction.FAIL, None),
        (AudienceError, RetryAction.FAIL, None),
    ],
)
def test_what_the_policy_does(kind, action, seconds):
    decision = SEND_RETRY_POLICY.evaluate(kind("it failed"), try_number=1, max_tries=5)
    assert decision.action is action
    assert (decision.retry_delay and decision.retry_delay.total_seconds()) == seconds

# SPDX-License-Identifier: Apache-2.0
"""Which errors before the first call are final: those that the next try would meet again, and no others."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_aliyunsms.exceptions import (
    ConfigurationError,
    ConnectionNotMadeError,
    CredentialsError,
    CredentialsRefusedError,
)
from airflow_provider_aliyunsms.operators.failures import without_retries


@pytest.mark.parametrize("kind", [ConfigurationError, CredentialsError])
def test_what_the_next_try_would_meet_again_is_final_and_still_what_it_was(kind):
    with pytest.raises(AirflowFailException) as caught, without_retries():
        raise kind("wrong", advice="Mend it.")
    assert isinstance(caught.value, kind)
    assert "Mend it." in str(caught.value)


@pytest.mark.parametrize("kind", [CredentialsRefusedError, ConnectionNotMadeError])
def test_what_may_have_passed_by_the_next_try_is_not_final(kind):
    with pytest.raises(kind) as caught, without_retries():
        raise kind("refused for now")
    assert not isinstance(caught.value, AirflowFailException)

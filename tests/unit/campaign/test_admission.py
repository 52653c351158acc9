# SPDX-License-Identifier: Apache-2.0
"""Whether an audience may be sent to is decided before the first call."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool
from airflow_provider_aliyunsms.campaign.admission import AudienceLimits, admit
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

GOOD = [f"1380000{number:04d}" for number in range(8)]
BAD = "12345"


def check(rows, *, limits=None, sign_name="阿里云", has_sent=False):
    with Spool() as spool:
        spool.load(
            read_blocks(rows, open_binary=open),
            rules=ChinaRules(sign_name=sign_name, template_param=None),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id="campaign", numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        admit(spool=spool, limits=limits or AudienceLimits(), has_sent=has_sent)
        return spool.ready


def test_an_empty_audience_is_told_by_its_code():
    with pytest.raises(AudienceError) as caught:
        check([])
    assert caught.value.code == "local.EMPTY_AUDIENCE"
    assert check([], has_sent=True) == 0, "those of the try before keep their outcomes"


def test_a_missing_signature_is_the_setting_s_fault_and_not_the_rows():
    with pytest.raises(ConfigurationError) as caught:
        check(GOOD, sign_name=None)
    assert caught.value.code == "local.MISSING_SIGNATURE"
    with pytest.raises(AudienceError):
        check([*GOOD, BAD], sign_name=None)


def test_the_first_faults_are_named_without_values():
    with pytest.raises(AudienceError, match=r"not one of 2 rows") as caught:
        check([BAD, "678"])
    assert "row 1, phone_number: local.INVALID_NUMBER" in caught.value.message
    assert BAD not in str(caught.value)


@pytest.mark.parametrize(
    ("max_rejected", "may_send"),
    [(None, True), (2, True), (1, False), (0, False), (0.2, True), (0.19, False), (0.5, True)],
)
def test_a_limit_is_a_count_or_a_share(max_rejected, may_send):
    rows = [*GOOD, BAD, "678"]
    limits = AudienceLimits(max_rejected=max_rejected)
    if may_send:
        assert check(rows, limits=limits) == len(GOOD)
    else:
        with pytest.raises(AudienceError, match=r"2 of 10 rows were rejected, more than max_rejected"):
            check(rows, limits=limits)


def test_a_duplicate_is_no_rejected_row_and_has_a_limit_of_its_own():
    rows = [*GOOD, GOOD[0], {"phone_number": GOOD[1], "sign_name": "other"}]
    assert check(rows, limits=AudienceLimits(max_rejected=0)) == len(GOOD) + 1
    assert check(rows, limits=AudienceLimits(max_duplicates=2)) == len(GOOD) + 1
    with pytest.raises(AudienceError, match="2 of 10 rows have a number that an earlier row has"):
        check(rows, limits=AudienceLimits(max_duplicates=1))

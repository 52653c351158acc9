# SPDX-License-Identifier: Apache-2.0
"""An id of the gateway that shows a number of the request is not kept."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.campaign.channels.ids import without_numbers

NUMBERS = ["13800001234", "6591234567"]


@pytest.mark.parametrize(
    "one",
    ["13800001234", "id-13800001234", "13800001234^0", "1380000123499", "990013800001234", "6591234567x"],
)
def test_an_id_with_a_number_is_dropped(one):
    assert without_numbers([one], numbers=NUMBERS) == (None,)


@pytest.mark.parametrize(
    "one", [None, "", "9006197469364984400^0", "123456", "1380000-1234", "99138000012340", "13800009999"]
)
def test_any_other_id_is_kept(one):
    assert without_numbers([one], numbers=NUMBERS) == (one,)


def test_ids_keep_their_places():
    assert without_numbers(["a", "13800001234", None, "b"], numbers=NUMBERS) == ("a", None, None, "b")

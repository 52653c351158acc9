# SPDX-License-Identifier: Apache-2.0
"""Every misbehaviour of the gateway in every position of a campaign, Globe."""

from __future__ import annotations

import pytest
from faultmatrix.cells import cells_of
from faultmatrix.page import section
from faultmatrix.rows import GLOBE
from faultmatrix.verdicts import check_page, check_promise


@pytest.mark.parametrize("cell", cells_of(GLOBE), ids=str)
def test_the_promise_holds(cell, observed):
    check_promise(cell, seen=observed[cell])


def test_the_page_shows_what_was_seen(observed, write_matrix):
    check_page(GLOBE, text=section(GLOBE, observed=observed), write=write_matrix)

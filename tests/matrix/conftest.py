# SPDX-License-Identifier: Apache-2.0
"""One place to run cells in for each module, and the switch that writes the page."""

from __future__ import annotations

import pytest
from faultmatrix.observations import observations

WRITE = "--write-matrix"


def pytest_addoption(parser):
    parser.addoption(WRITE, action="store_true", help="write docs/fault-matrix.md instead of comparing it")


@pytest.fixture
def write_matrix(request):
    # a run from the top of the checkout does not know the option yet when it reads the command line
    return request.config.getoption(WRITE, default=False)


@pytest.fixture(scope="module")
def observed(request):
    """Run the cells that were asked for beside each other; a test then looks at what its cell showed."""
    with observations() as seen:
        for item in request.session.items:
            if item.path == request.path and hasattr(item, "callspec"):
                seen.start(item.callspec.params["cell"])
        yield seen

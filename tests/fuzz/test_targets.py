# SPDX-License-Identifier: Apache-2.0
"""Each target of ``make fuzz``, for a few seconds, and with everything that was ever found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from targets import TARGETS

FOUND = Path(__file__).parent / "found"


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_unforeseen_gets_out(name):
    target = TARGETS[name]

    @settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.one_of(target.inputs, st.sampled_from(target.seeds or [b""])))
    def feed(data):
        target.feed(data)

    feed()


@pytest.mark.parametrize(
    "path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name[:12]}"
)
def test_what_was_found_once_is_mended(path):
    TARGETS[path.parent.name].feed(path.read_bytes())

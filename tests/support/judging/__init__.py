# SPDX-License-Identifier: Apache-2.0
"""Audiences whose truth is known, and the verdict on what became of them."""

from judging.audience import Audience, china_audience, globe_audience
from judging.judge import Verdict, judge, leaks

__all__ = ["Audience", "Verdict", "china_audience", "globe_audience", "judge", "leaks"]

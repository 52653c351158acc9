# SPDX-License-Identifier: Apache-2.0
"""How a sensor ends, the same in every mode, and what may be shown of what it waited for."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_aliyunsms.exceptions import DeliveryError
from airflow_provider_aliyunsms.private import unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.delivery.events import Ending

log = logging.getLogger(__name__)


def result_of(ending: Ending, *, ratio: float | None) -> dict[str, Any]:
    """
    Log the counts and return them.

    :param ratio: the smallest acceptable share of delivered messages.
    :raises DeliveryError: the verdict is "no".
    """
    from airflow_provider_aliyunsms.delivery.verdict import error_of, explain

    tally, population = ending.tally, ending.population
    log.info("Delivery: %s", explain(tally=tally, ratio=ratio, population=population))
    error = error_of(verdict=ending.verdict, tally=tally, ratio=ratio, population=population)
    if error is not None:
        raise error
    return ending.as_xcom()


@contextmanager
def softly(*, soft_fail: bool, never_fail: bool) -> Iterator[None]:
    """Skip where ``soft_fail`` or ``never_fail`` ask for it; Airflow itself does so in some modes only."""
    try:
        yield
    except Exception as error:
        if never_fail or (soft_fail and isinstance(error, DeliveryError)):
            raise AirflowSkipException(str(error)) from error
        raise


def describe(campaign: Any) -> str:
    """Return what may be shown of a rendered campaign; a lazy list of XComs is not fetched for it."""
    value = unwrap(campaign)
    if isinstance(value, dict):
        return f"campaign {value.get('campaign_id')}, {value.get('accepted')} accepted"
    if isinstance(value, list | tuple):
        return f"{len(value)} campaigns"
    return "no campaign" if value is None else f"campaigns ({type(value).__name__})"

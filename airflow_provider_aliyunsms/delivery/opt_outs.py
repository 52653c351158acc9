# SPDX-License-Identifier: Apache-2.0
"""Keep the numbers that carriers report as opted out or blacklisted, for the guard that sends nothing to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.exceptions import AliyunSmsError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.products import PRODUCTS

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber, LearnedNumbers
    from airflow_provider_aliyunsms.campaign.ports import Delivery, Tracked

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Numbers that wait for the end of a round at most, before they are written; more where the folder takes none."""


class OptOuts:
    """
    Gather the numbers whose delivery failed because their owners opted out, and write them into a folder.

    A folder that cannot be written is logged and tried again with the next round: a watch does not end for it,
    because these numbers are blocked where their codes come from. What a process could not write is lost with it.

    :param folder: the folder of learned numbers.
    """

    def __init__(self, folder: LearnedNumbers) -> None:
        self._folder = folder
        self._waiting: dict[str, LearnedNumber] = {}
        self._known: dict[tuple[str, str], bool] = {}
        # So many wait before they are written, without waiting for the end of the round.
        self._full = MOST_WAITING

    def note(self, *, message: Tracked, delivery: Delivery, api: str) -> None:
        """Keep the number of a message that failed, if its code says that its owner opted out."""
        from airflow_provider_aliyunsms.audience.phone_numbers import with_country_code
        from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumber
        from airflow_provider_aliyunsms.codes import is_opt_out

        asked = (api, delivery.code)
        if asked not in self._known:
            if len(self._known) > MOST_WAITING:
                self._known.clear()
            self._known[asked] = is_opt_out(delivery.code, api=api)
        if not self._known[asked] or not message.number:
            return
        number = with_country_code(message.number.removeprefix("+"), product=PRODUCTS[api])
        self._waiting[number] = LearnedNumber(number, delivery.code)
        if len(self._waiting) >= self._full:
            self.write()

    def write(self) -> bool:
        """Write what was gathered; return False when it has to be tried again."""
        try:
            count = self._folder.add(self._waiting.values())
        except AliyunSmsError as error:
            # Not with the next number already: a storage may take minutes to give up, and the watch waits for it.
            self._full = len(self._waiting) + MOST_WAITING
            say(
                log,
                logging.WARNING,
                "%d numbers that carriers block were not kept: %s",
                len(self._waiting),
                error.message if isinstance(error, AliyunSmsError) else type(error).__name__,
                next_step=getattr(error, "advice", None),
            )
            return False
        if count:
            say(log, logging.INFO, "%d numbers that carriers block get nothing more: they are kept.", count)
        self._waiting.clear()
        self._full = MOST_WAITING
        return True

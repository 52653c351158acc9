# SPDX-License-Identifier: Apache-2.0
"""
Make the API calls of one product for a chunk and return how each call ended.

A channel receives a chunk of recipients with the envelope (date and nonce) under which its request is signed. It
returns an :class:`~airflow_provider_aliyunsms.campaign.outcomes.Outcome`, the
:class:`~airflow_provider_aliyunsms.campaign.ports.Evidence` of a look-up, or the
:class:`~airflow_provider_aliyunsms.campaign.ports.Delivery` of one message. The sender and the ``delivery`` package
know channels only by the protocols in ``campaign/ports.py``.

* ``china`` (:class:`ChinaChannel`) sends with ``SendBatchSms``. It asks ``QuerySendDetails`` for records of a chunk
  and for deliveries.
* ``globe`` (:class:`GlobeChannel`) sends with ``BatchSendMessageToGlobe`` and asks ``QueryMessage`` for deliveries.
  Its API has no look-up, so its evidence is always "impossible".
* ``errors`` translates the errors of the client into outcomes.

A channel makes each send call once: it never repeats it and never waits. When the gateway refuses a send or gives no
clear response, the channel raises no error but returns the outcome, so that the decisions stay in one place
(``campaign/sending``). Read calls are free, and the client repeats them. No other package of the campaign knows the
API client.

What must never happen: a call of which it is not certain that nothing was accepted ends as *refused* or *released*.
It must end as *accepted*, *ambiguous* or *unknown*. A missing record never becomes "not sent" here;
``sending/evidence`` decides what it proves.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.channels.china import (
    CHINA_TIME,
    MOST_PAGES,
    PAGE_SIZE,
    RECORD_SLACK,
    ChinaChannel,
    send_dates,
)
from airflow_provider_aliyunsms.campaign.channels.globe import GlobeChannel

__all__ = [
    "CHINA_TIME",
    "MOST_PAGES",
    "PAGE_SIZE",
    "RECORD_SLACK",
    "ChinaChannel",
    "GlobeChannel",
    "send_dates",
]

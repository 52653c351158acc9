# SPDX-License-Identifier: Apache-2.0
"""
Make the API calls of one product for a chunk and return how each call ended.

A channel makes these kinds of calls:

* *Send* (``submit``): the one call that costs money. It gets a chunk of recipients and the envelope (date and nonce)
  under which the request is signed, and returns an :class:`~airflow_provider_aliyunsms.campaign.outcomes.Outcome`.
* *Look-up* (``look_up``): free queries for the records of a chunk whose outcome is unknown. It returns
  :class:`~airflow_provider_aliyunsms.campaign.ports.LookUp`. One look-up is several HTTP queries.
* *Status* (``status``): free queries for what the carrier did with one accepted message. It returns
  :class:`~airflow_provider_aliyunsms.campaign.ports.Delivery`. The ``delivery`` package uses nothing else.

* *Vendor facts* (``template``, ``signature``), of the China channel only: free queries for what the vendor knows of a
  template or a signature. The API for other countries has no such queries, so campaigns there have no vendor facts.

The sender and ``delivery`` know channels only by the protocols in ``campaign/ports.py``.

* ``china`` (:class:`ChinaChannel`) sends with ``SendBatchSms`` and asks ``QuerySendDetails`` for both other kinds.
* ``globe`` (:class:`GlobeChannel`) sends with ``BatchSendMessageToGlobe`` and asks ``QueryMessage`` for a status. Its
  API has no look-up, so its evidence is always "impossible".
* ``errors`` translates the errors of the client into outcomes, ``approvals`` what the vendor says of templates and
  signatures into our words. ``ids`` keeps phone numbers out of the gateway's ids.

How a send can end:

* *accepted*: the gateway took it, except for recipients whom it names as failed.
* *refused*: not accepted, because of the request or of a recipient in it. For several recipients ``sending`` has this
  confirmed by look-ups where there are any; a recipient that is refused alone becomes ``rejected``.
* *released*: certainly not accepted, for a reason that can pass (rate, network, balance). The same recipients may be
  sent to again in a new request.
* *ambiguous*: it may have been accepted, and look-ups or a replay can still tell.
* *unknown*: it was accepted at least in part, and nothing can tell for whom (Globe, when the lists of its response
  contradict each other).

A channel makes each send call once: it never repeats it and never waits. It raises no error for a send that failed
but returns the outcome, so that the decisions stay in one place (``campaign/sending``). Read calls are free, and the
client repeats them.

What must never happen: *refused* or *released* for a call of which any part may have been accepted. Where that is not
certain, the outcome is *ambiguous* or *unknown*. And a record that is missing never counts as "not sent" here;
``sending/evidence`` decides what it proves.

Another call of one API is a method here and one of the client, with a line in the protocol if the sender or the
sensor uses it. Another reading of a response goes into the channel; another reading of a code into ``codes``.
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

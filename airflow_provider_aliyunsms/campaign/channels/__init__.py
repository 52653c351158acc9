# SPDX-License-Identifier: Apache-2.0
"""
Make the calls of one product for a chunk, and say how each of them ended.

What enters is a chunk of recipients with the envelope (date and nonce) under which its request is signed. What
leaves is an :class:`~..outcomes.Outcome`, the :class:`~..ports.Evidence` of a look-up, or the
:class:`~..ports.Delivery` of one message. The sender and the delivery floor know channels only by the protocols in
``campaign/ports.py``.

* ``china`` (:class:`ChinaChannel`) sends with ``SendBatchSms`` and asks ``QuerySendDetails`` both for traces of a
  chunk and for deliveries.
* ``globe`` (:class:`GlobeChannel`) sends with ``BatchSendMessageToGlobe`` and asks ``QueryMessage`` for deliveries.
  Its API has no look-up, so that its evidence is always "impossible".
* ``errors`` translates the errors of the client into outcomes.

A channel makes each call once: it never repeats a send and never waits. It does not raise for what the gateway
answered; it returns it, so that policy stays in one place (``campaign/sending``). This is the one package of the
campaign that knows the API client.

What must never happen: an answer of which it is not certain that nothing was accepted becomes anything but
*ambiguous* or *unknown*. A missing record never becomes "not sent" here; what it proves is for ``sending/evidence``
to say.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.channels.china import ChinaChannel
from airflow_provider_aliyunsms.campaign.channels.globe import GlobeChannel

__all__ = ["ChinaChannel", "GlobeChannel"]

# SPDX-License-Identifier: Apache-2.0
"""
Call the gateway of Alibaba Cloud SMS over HTTP: sign a request, make one attempt, read the response.

``client`` is the part that other packages call. It takes the parameters from ``forms``, signs them with
``signature``, sends them with ``transport`` and reads the response with ``responses``. The results are classes of
``models``; a call that fails raises an ``ApiError``. ``connection`` records whether a request has begun to leave
this machine, which decides whether a failed send may be sent again. ``retrying`` repeats read calls; a send call is
never repeated here. ``endpoints``, ``credentials`` and ``vendor_credentials`` hold what a connection is configured
with.

``gateway_clock`` tells the gateway's time by the ``Date`` headers of its responses.

Another call is a method of ``client``; "Add an API call" in CONTRIBUTING.md names the rest. The package imports no
Airflow.
"""

# SPDX-License-Identifier: Apache-2.0
"""
Send one campaign to its audience, each recipient at most once, and record every call durably.

Input is a plan: the rows of an audience, the rules for them, the channel of one product, the store of the ledger and
the settings of the sending. The result is a summary with the counts of all outcomes, and one receipt for each row.
``run`` is the entry: it does the steps of one try, which is one run of the Airflow task, in their order.

* ``plan`` holds what one try needs and how it ended; ``policy`` holds the settings of the sending.
* ``admission`` decides, before the first call, whether the audience may be sent to.
* ``chunks`` cuts the audience into chunks; one chunk is the recipients of one API call.
* ``channels`` makes the calls. ``ports`` describes channels for the rest of the package and for ``delivery``.
* ``outcomes`` defines how a call for a chunk can end.
* ``ledger`` is the durable record: the intent of each call before it is made, and its outcome afterwards.
* ``sending`` makes the calls in parallel, records their outcomes and settles those that are unknown.
* ``endings`` judges the whole campaign at its end, and puts the most frequent codes into the error that ends a try.
* ``pacing`` limits how many calls arrive in a second; ``clock`` is the one source of time.
* ``receipts`` writes what happened to each row into a file, and reads it back for the delivery sensor.

The order of one try: open the ledger; load the audience into the local spool (``audience/spool``); check its limits;
send to every recipient without an outcome; write the summary and the receipts; judge the refusals; record a clean
shutdown. A try that an error ends after its first call writes summary and receipts, too.

What must never happen: a call without a durable intent; a second call for a recipient, unless evidence shows that the
first one was not accepted or the user asked for it; a row without an outcome in the summary.

The package imports no Airflow. Only ``channels`` knows the API client.
"""

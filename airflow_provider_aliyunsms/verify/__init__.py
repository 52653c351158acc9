# SPDX-License-Identifier: Apache-2.0
"""
Check on a user's own account the facts that the promises of the send operators rest on.

The input is a connection and a phone number of the user's own. The output is a table of facts, each with what was
seen, what the provider assumes and what to set, and a report as JSON. docs/verify.md tells users about it.

* ``command`` reads the options, shows what will be sent, asks, and prints.
* ``experiment`` makes the calls in their order, and ``probes`` are the calls of one product.
* ``observations`` holds what was seen.
* ``facts`` judges it: pure functions, which no call and no clock can disturb.
* ``report`` writes the facts as lines and as JSON.

Only ``command`` knows Airflow, for the connection.

What must never happen: more than three messages; a send after an answer that does not say whether the last one was
accepted; a phone number, text, variable or secret in anything that is printed or written.
"""

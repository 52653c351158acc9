# SPDX-License-Identifier: Apache-2.0
"""
Turn the audience of a task into checked recipients and keep the state of each row during one try.

* ``sources`` reads rows from a list, a file or a database cursor (``rows`` holds them).
* ``rules`` checks each row and makes a recipient of it (``recipients``, ``content``, ``phone_numbers``).
* ``spool`` keeps all rows and their outcomes on local disk.

This layer imports neither Airflow nor any HTTP code.
"""

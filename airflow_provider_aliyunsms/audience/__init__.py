# SPDX-License-Identifier: Apache-2.0
"""
Turn the audience of a task into checked recipients and keep the state of each row during one try.

* ``sources`` reads rows from a list, a data frame, a file or a database cursor. ``rows`` holds them, and ``fields``
  names their columns; ``facts`` collects what was found on the way.
* ``rules`` checks each row and makes a recipient of it, or rejects it. ``recipients`` holds recipients and makes the
  hashes by which spool and ledger know them; ``content`` is what a recipient shall receive, as one text;
  ``phone_numbers`` brings numbers to one spelling.
* ``spool`` keeps all rows and their outcomes on local disk; ``disk`` explains a disk that is full.
* ``report`` describes a loaded audience. ``python -m airflow_provider_aliyunsms.audience`` prints it for a file.

The order: ``sources``, ``rules``, ``spool``, ``report``. Nothing is sent here. This layer imports neither Airflow nor
any HTTP code; only the command opens a URI with ``hooks/storage``, which it imports by name when it is given one.
"""

# SPDX-License-Identifier: Apache-2.0
"""
Turn the rows of an audience into recipients of one product, or reject them with a reason.

The input is a block of rows as a source gave them. The output is a :class:`PreparedBlock`: for every row a
canonical phone number and its content (all that this recipient shall receive, as canonical text), or a rejected row
with a code, the column at fault and a reason in words.

* ``china`` and ``globe`` hold the rules of the two products (:class:`ChinaRules`, :class:`GlobeRules`). Their method
  ``prepare`` checks one row and is the only place that rejects.
* ``values`` holds what both share: reading a number from a cell and turning a value into text. ``float_numbers``
  tells phone numbers that a table stored as decimal numbers from those that lost digits by it.
* ``china_columns`` is a faster way for the same result. It checks whole columns of a table for the *usual form*: an
  eleven-digit mainland number as text, and variables that are text, not blank, not too long, without blanks around
  them and without unusual characters. Such a row needs no change, so it is accepted as it stands. Every other row is
  left to ``prepare``.
* ``base`` prepares a block: whole columns where the rules offer that, then row by row what is left.
* ``variable_names`` counts the variables of all rows. After the last row ``check_all`` of the rules looks whether
  every row has the same ones, because a template needs all of its variables.

Two kinds of fault are kept apart. A row that cannot be sent to is *rejected*: it gets a receipt, and the other rows
are sent. A row that shows a mistake in the whole audience, such as an unknown key, raises ``AudienceError`` before
anything is sent.

To add a rule that rejects rows:

1. Add its code to ``codes/local.py``: a member of ``LocalCode`` and an entry of ``LOCAL_CODES``.
2. Raise ``RowRejected`` with that code where ``prepare`` of ``china``, of ``globe``, or a function of ``values`` for
   both, reads the value.
3. China only: see to it that ``china_columns`` leaves these rows to ``prepare``. It would accept them otherwise:
   ``usual_texts`` and ``mainland_numbers`` decide by cell, ``ChinaRules.plain_rows`` by column. A test in
   ``tests/unit/audience/rules/test_base.py`` compares both ways.
4. Run ``make docs``, which writes the error pages.

Three rules hold everywhere. A number is never repaired by guessing, because the repaired number may belong to a
person who is not in the audience. No reason holds a value of the row. The same row always gives the same number and
content, because the ledger identifies recipients by hashes of both; a rule that changes the content of rows which
were accepted before makes running campaigns take their recipients for others.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.rules.base import PreparedBlock, RecipientRules, prepare_block
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules, check_sender_id

__all__ = ["ChinaRules", "GlobeRules", "PreparedBlock", "RecipientRules", "check_sender_id", "prepare_block"]

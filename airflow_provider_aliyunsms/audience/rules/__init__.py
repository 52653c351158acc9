# SPDX-License-Identifier: Apache-2.0
"""
Turn the rows of an audience into recipients of one product, or reject them with a reason.

The input is a block of rows as a source gave them. The output is a :class:`PreparedBlock`: for every row a
canonical phone number and its content (all that this recipient shall receive, as canonical text), or a rejected row
with a code, the column at fault and a reason in words.

* ``base`` prepares a block: whole columns at once where all cells are in the usual form, else row by row.
* ``china`` and ``globe`` hold the rules of the two products (:class:`ChinaRules`, :class:`GlobeRules`); ``values``
  holds what both share: reading a number from a cell and turning a value into text.
* ``china_columns`` checks whole columns of a table. It rejects nothing: every cell that is not in the usual form is
  left to the rules of a single row.

Two kinds of fault are kept apart. A row that cannot be sent to is *rejected*: it gets a receipt, and the other rows
are sent. A row that shows a mistake in the whole audience, such as an unknown key, raises ``AudienceError`` before
anything is sent.

Three rules hold everywhere. A number is never repaired by guessing, because the repaired number may belong to a
person who is not in the audience. No reason holds a value of the row. The same row always gives the same number and
content, because the ledger identifies recipients by a hash of both.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.rules.base import PreparedBlock, RecipientRules, prepare_block
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules, check_sender_id

__all__ = ["ChinaRules", "GlobeRules", "PreparedBlock", "RecipientRules", "check_sender_id", "prepare_block"]

# SPDX-License-Identifier: Apache-2.0
"""
Turn the rows of an audience into recipients of one product, or reject them with a reason.

What enters is a block of rows as a source gave them. What leaves is a :class:`PreparedBlock`: for every row a
canonical phone number and its content (what this person shall receive, as canonical text), or a rejected row with a
code, the column at fault and a reason in words.

* ``base`` prepares a block: whole columns at once where nothing is remarkable, else row by row.
* ``china`` and ``globe`` hold the rules of the two products (:class:`ChinaRules`, :class:`GlobeRules`); ``values``
  what both share: reading a number from a cell and turning a value into text.
* ``china_columns`` judges whole columns of a table. It decides nothing: every cell that is not plain is left to the
  rules of a single row.

Two kinds of fault are kept apart. A row that cannot be sent to is *rejected*: it gets a receipt, the others are
served. A row that shows that the whole audience is not what it should be (an unknown key) raises ``AudienceError``,
before anybody is sent to.

What must never happen: a number is never repaired by guessing, because a repaired number is a stranger's phone. No
reason holds a value. The same row always gives the same number and content, for the ledger knows people by them.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.rules.base import PreparedBlock, RecipientRules, prepare_block
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules, check_sender_id

__all__ = ["ChinaRules", "GlobeRules", "PreparedBlock", "RecipientRules", "check_sender_id", "prepare_block"]

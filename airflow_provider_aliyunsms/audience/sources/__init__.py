# SPDX-License-Identifier: Apache-2.0
"""
Read the rows of an audience from a list, a file or a database cursor, in blocks.

The input is the audience as a task was given it: a list of numbers or mappings, a CSV, JSON-lines or Parquet file
(packed with gzip or not), or an open cursor of a database. The output is a stream of blocks
(:mod:`~airflow_provider_aliyunsms.audience.rows`): up to some thousand rows with their position and their cells by
field name, as the source wrote them. The values are not checked here, but in ``audience/rules``.

* ``read`` chooses the reader by the kind of source and the ending of its name (:func:`read_blocks`).
* ``csv``, ``jsonl``, ``parquet``, ``lists`` and ``sql`` read one kind each.
* ``files`` opens a file, unpacks gzip and notices a file that changes while it is read; ``text`` turns its bytes
  into lines of one encoding; ``columns`` maps and checks the names of the columns once for a table.

The order: the kind of source and its parameters are checked at once, before anything is opened. A file is opened
when its first block is asked for. An error comes after the rows before it, and ends the stream.

Four rules hold everywhere. A row is never skipped or guessed silently, because a recipient would then get no message,
or the message of another. No error holds a value of a row or the folder of a path. Memory does not grow with the
audience. Reading the same source twice gives the same rows, because a retry reads it again.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.sources.columns import Columns
from airflow_provider_aliyunsms.audience.sources.parquet import check_parquet
from airflow_provider_aliyunsms.audience.sources.read import FILE_ENDINGS, read_blocks
from airflow_provider_aliyunsms.audience.sources.sql import query_failed, read_sql

__all__ = ["FILE_ENDINGS", "Columns", "check_parquet", "query_failed", "read_blocks", "read_sql"]

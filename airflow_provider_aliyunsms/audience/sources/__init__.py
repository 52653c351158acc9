# SPDX-License-Identifier: Apache-2.0
"""
Read the rows of an audience from whatever holds them.

What enters is what a task was given: a list of numbers or mappings, a CSV, JSON-lines or Parquet file (packed with
gzip or not), or an open cursor of a database. What leaves is a stream of blocks (:mod:`..rows`): up to some
thousand rows with their position and their cells under our names, as the source wrote them. Nothing is judged here;
that is ``audience/rules``.

* ``read`` chooses the reader by the kind of source and the ending of its name (:func:`read_blocks`).
* ``csv``, ``jsonl``, ``parquet``, ``lists`` and ``sql`` read one kind each.
* ``files`` opens a file, unpacks gzip and notices a file that changes while it is read; ``text`` turns its bytes
  into lines of one encoding; ``columns`` maps and checks the names of the columns once for a table.

The order of things: the kind of source and its parameters are checked at once, before anything is opened. A file is
opened when its first block is asked for. An error comes after the rows before it, and ends the stream.

What must never happen: a row is never skipped or guessed at silently, because somebody would not be told, or would
be told what was meant for another. No error holds a value of a row or a folder of a path. Memory does not grow with
the audience. Reading the same source twice gives the same rows, because a retry reads it again.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.sources.columns import Columns
from airflow_provider_aliyunsms.audience.sources.parquet import check_parquet
from airflow_provider_aliyunsms.audience.sources.read import FILE_ENDINGS, read_blocks
from airflow_provider_aliyunsms.audience.sources.sql import query_failed, read_sql

__all__ = ["FILE_ENDINGS", "Columns", "check_parquet", "query_failed", "read_blocks", "read_sql"]

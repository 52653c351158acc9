# SPDX-License-Identifier: Apache-2.0
"""
Read the rows of an audience from a list, a data frame, a file or a database, in blocks.

The input is the audience as a task was given it: a list of numbers or mappings, a data frame, a file of cells (CSV,
text, workbook, Parquet) or of JSON, packed with gzip or not, or a query. The output is a stream of blocks
(:mod:`~airflow_provider_aliyunsms.audience.rows`): up to some thousand rows with their position and their cells by
field name. The cells are those that the source wrote; ``audience/rules`` checks them later.

* ``read`` chooses the reader by the kind of source, the ending of its name and its first bytes (:func:`read_blocks`).
* ``lists``, ``frames``, ``csv``, ``json``, ``excel`` and ``parquet`` read one kind each.
* ``sql`` reads a query (:func:`read_sql`). It is given a function that opens a database cursor, reads the rows in
  batches, and closes the cursor at the end or after an error. The connection belongs to ``hooks/sql_cursor``.
* ``files`` opens a file, unpacks gzip and notices a file that changes while it is read; ``marks`` knows formats by
  their first bytes; ``text`` turns bytes into lines of one encoding.
* ``columns`` maps and checks the names of the columns, once for a table. ``cells`` finds empty cells and floats;
  ``date_formats`` writes the dates of a workbook as its cells show them.

The order: the kind of source and its parameters are checked at once, before anything is opened. A file is opened,
or a query sent, when the first block is asked for. An error comes after the rows before it, and ends the stream.

Four rules hold everywhere:

* No reader leaves a row out or guesses what it means. Where it cannot tell (a cell too many, a broken line, two
  columns for the number), it raises ``AudienceError`` with the number of the row. Otherwise a recipient would get no
  message, or the message of another. What can safely be decided, such as blank lines or the character between the
  cells, is noted in :class:`~airflow_provider_aliyunsms.audience.facts.SourceFacts`; the report on the audience
  shows it.
* No error holds a value of a row or the folder of a path.
* Memory does not grow with the audience, except for what the caller already holds in memory.
* Reading the same source twice gives the same rows, because a retry reads it again.
  An iterator that can be read only once is the exception.

A new format is a module beside these, with one line in ``read``; CONTRIBUTING.md names what else it needs.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.sources.columns import Columns
from airflow_provider_aliyunsms.audience.sources.parquet import check_parquet
from airflow_provider_aliyunsms.audience.sources.read import FILE_ENDINGS, read_blocks
from airflow_provider_aliyunsms.audience.sources.sql import query_failed, read_sql

__all__ = ["FILE_ENDINGS", "Columns", "check_parquet", "query_failed", "read_blocks", "read_sql"]

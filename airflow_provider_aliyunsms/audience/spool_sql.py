# SPDX-License-Identifier: Apache-2.0
"""The statements of the spool; its tables are in ``spool_file``."""

from __future__ import annotations

INSERT = "INSERT INTO spool (seq, key, number, given, content) VALUES (?, ?, ?, ?, ?)"
INSERT_REJECTED = "INSERT INTO spool (seq, outcome, code, number) VALUES (?, ?, ?, ?)"
INSERT_REJECTION = "INSERT INTO rejection (seq, row, code, field, reason) VALUES (?, ?, ?, ?, ?)"
# The keys are indexed after the load, because sorting them once is faster than a million insertions at random
# places, and asking "seen before?" during the load would need either that or all keys in memory.
INDEX = "CREATE INDEX spool_key ON spool (key)"
SKIP_DUPLICATES = """
UPDATE spool SET key = NULL, outcome = ?, code = ?, number = coalesce(given, number), content = NULL
WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, row_number() OVER (PARTITION BY key ORDER BY seq) AS nth FROM spool WHERE key IS NOT NULL
    ) WHERE nth > 1
)
"""
KEYS = "SELECT key FROM spool WHERE key IS NOT NULL ORDER BY seq"
UNSETTLED = """
SELECT seq, key, number, content FROM spool
WHERE seq > ? AND key IS NOT NULL AND outcome IS NULL ORDER BY seq LIMIT ?
"""
FIND = "SELECT number, content FROM spool WHERE key = ?"
INSERT_ANSWER = "INSERT INTO answer (id, out_id, biz_id, time) VALUES (?, ?, ?, ?)"
SETTLE = "UPDATE spool SET outcome = ?, code = ?, message_id = ?, answer = ? WHERE key = ?"
# Neighbours with one outcome in one stroke: ten times as fast as one by one through the index of the keys.
SETTLE_RANGE = "UPDATE spool SET outcome = ?, code = ?, message_id = ?, answer = ? WHERE seq BETWEEN ? AND ?"
REOPEN = "UPDATE spool SET outcome = NULL, code = NULL, message_id = NULL, answer = NULL WHERE key = ?"
COUNTS = "SELECT coalesce(outcome, ?), count(*) FROM spool GROUP BY 1"
ERRORS = """
SELECT coalesce(code, outcome), count(*) FROM spool
WHERE outcome IN ('rejected', 'skipped', 'unknown') GROUP BY 1
"""
LOCAL_ERRORS = "SELECT code, count(*) FROM spool WHERE key IS NULL GROUP BY 1"
REJECTIONS = "SELECT row, code, field, reason FROM rejection ORDER BY seq LIMIT ?"
RECEIPTS = """
SELECT seq, number, coalesce(outcome, ?), code, biz_id, message_id, out_id, time
FROM spool LEFT JOIN answer ON answer.id = spool.answer WHERE seq > ? ORDER BY seq LIMIT ?
"""

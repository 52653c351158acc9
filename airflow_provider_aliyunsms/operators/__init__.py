# SPDX-License-Identifier: Apache-2.0
"""
Provide the Airflow operators that send campaigns.

``aliyun_sms`` holds the two operators and ``base`` what they share: ``execute`` makes a ``Plan`` of the parameters
and gives it to ``campaign``. ``parameters`` checks and converts parameters, ``ledger_store`` chooses where the ledger
lives, ``receipts`` where receipts are kept, ``failures`` which error Airflow retries, and ``redaction`` what the
rendered fields show. ``shards`` plans the shards of a campaign and adds them up. ``rendering`` keeps a text that
Airflow would turn into a number.
"""

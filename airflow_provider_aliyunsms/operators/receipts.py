# SPDX-License-Identifier: Apache-2.0
"""Where things lie: the audience's file, the ledger, the receipts."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.receipts import INLINE_LIMIT, is_receipt_file, write_receipts
from airflow_provider_aliyunsms.hooks.storage import storage_path

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.receipts import Receipts


log = logging.getLogger(__name__)


class ReceiptKeeper:
    """
    Put the receipts into the XCom when there are few, else into a file.

    :param campaign_id: names the file.
    :param receipts_path: a folder, for one JSON-lines file per campaign, or a file whose ending says its format;
        None for the XCom, and for larger campaigns a folder below ``AIRFLOW_HOME``, which other machines do not see.
    :raises ConfigurationError: when format or storage cannot be written, before anything is sent.
    """

    def __init__(self, *, campaign_id: str, receipts_path: str | None) -> None:
        self._campaign_id = campaign_id
        self._receipts_path = receipts_path
        self._is_file = receipts_path is not None and is_receipt_file(receipts_path)
        if receipts_path is not None:
            # Found out only when the receipts are written, this would come after everybody was sent to.
            storage_path(receipts_path)

    def __call__(self, receipts: Receipts, total: int) -> dict[str, Any]:
        """Keep them and say where they are."""
        if self._receipts_path is None and total <= INLINE_LIMIT:
            return {"receipts": list(receipts)}
        path = self._file()
        _write(path=path, receipts=receipts)
        log.info("Receipts: %s", path)
        return {"receipts_path": path}

    def _file(self) -> str:
        folder = self._receipts_path
        if folder is None:
            home = os.environ.get("AIRFLOW_HOME", "~/airflow")
            folder = str(Path(home).expanduser() / "aliyun_sms_receipts")
            log.warning("receipts_path is not set: the receipts go to this machine's %s.", folder)
        if self._is_file:
            return folder
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", self._campaign_id)[:80].strip("._")
        digest = hashlib.blake2b(self._campaign_id.encode(), digest_size=4).hexdigest()
        return f"{folder.rstrip('/')}/{readable}-{digest}.jsonl"


def _write(*, path: str, receipts: Receipts) -> None:
    """Write a file that is either the old one or the complete new one, readable by its owner alone."""
    target = storage_path(path)
    if target.protocol not in ("file", "local"):
        with target.open("wb") as stream:
            write_receipts(receipts=receipts, path=path, stream=stream)
        return
    local = Path(str(target.path))
    local.parent.mkdir(parents=True, exist_ok=True)
    beside = local.with_name(f".{local.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            write_receipts(receipts=receipts, path=path, stream=stream)
        beside.replace(local)
    finally:
        beside.unlink(missing_ok=True)

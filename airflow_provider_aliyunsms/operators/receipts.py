# SPDX-License-Identifier: Apache-2.0
"""Write the receipts of a campaign into its XCom or into a file."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.receipts import INLINE_LIMIT, is_receipt_file, write_receipts
from airflow_provider_aliyunsms.hooks.storage import storage_path
from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.receipts import Receipts


log = logging.getLogger(__name__)


class ReceiptKeeper:
    """
    Put the receipts of a small campaign into its XCom, those of a larger one into a file.

    Making an instance checks format and storage, so that a wrong ``receipts_path`` fails before anything is sent.

    :param campaign_id: names the file in a folder.
    :param receipts_path: a folder, for one JSON-lines file per campaign, or a file whose ending names its format.
        With None up to 100 receipts go into the XCom, more into a folder below ``AIRFLOW_HOME``, which other machines
        cannot read.
    :raises ConfigurationError: the format or the storage cannot be written; nothing was sent.
    """

    def __init__(self, *, campaign_id: str, receipts_path: str | None) -> None:
        self._campaign_id = campaign_id
        self._receipts_path = receipts_path
        self._is_file = receipts_path is not None and is_receipt_file(receipts_path)
        if receipts_path is not None:
            # Checked here and not when the receipts are written: by then the messages have been sent.
            storage_path(receipts_path)

    def __call__(self, receipts: Receipts, total: int) -> dict[str, Any]:
        """
        Write the receipts and return the part of the summary that holds or locates them.

        :param receipts: one receipt for every row of the audience.
        :param total: the number of receipts.
        :returns: ``{"receipts": [...]}`` or ``{"receipts_path": path}``.
        """
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
    """Replace the file of the receipts; on a local disk as a whole, and readable by its owner alone."""
    target = storage_path(path)
    if target.protocol not in ("file", "local"):
        with target.open("wb") as stream:
            write_receipts(receipts=receipts, path=path, stream=stream)
        return
    local = Path(str(target.path))
    make_private_folder(local.parent)
    # Written beside the file and renamed: a crash leaves the old file or the complete new one. A link at the place of
    # the receipts is replaced, not followed.
    with file_beside(local) as (beside, stream):
        write_receipts(receipts=receipts, path=path, stream=stream)
        # Only after the stream is closed: a rename before that would publish half a file.
        stream.close()
        beside.replace(local)

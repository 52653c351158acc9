# SPDX-License-Identifier: Apache-2.0
"""Write the receipts of a campaign into its XCom or into a file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.receipts import INLINE_LIMIT, is_receipt_file, write_receipts
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError, ReceiptsError
from airflow_provider_aliyunsms.hooks.storage import storage_path
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.campaign.receipts import Receipts


log = logging.getLogger(__name__)


class ReceiptKeeper:
    """
    Put the receipts of a small campaign into its XCom, those of a larger one into a file.

    Making an instance checks format and storage and tries the place out, so that a wrong ``receipts_path`` fails
    before anything is sent. A file on a remote storage, or of a mapped task, gets a small file beside it for that,
    ``<name>.owner``, which says whose receipts it will hold.

    :param campaign_id: names the file in a folder.
    :param receipts_path: a folder, for one JSON-lines file per campaign, or a file whose ending names its format.
        With None up to 100 receipts go into the XCom, more into a folder below ``AIRFLOW_HOME``, which other
        machines cannot read.
    :param run_id: the id of the DAG run.
    :param map_index: the place of a mapped task among its inputs, -1 for a task that is not mapped.
    :raises ConfigurationError: the format or the storage cannot be written, or two mapped tasks would write one
        file; nothing was sent.

    Calling it raises :class:`~airflow_provider_aliyunsms.exceptions.ReceiptsError` when the place has become
    unwritable meanwhile.
    """

    def __init__(
        self, *, campaign_id: str, receipts_path: str | None, run_id: str = "", map_index: int = -1
    ) -> None:
        self._campaign_id = campaign_id
        self._receipts_path = receipts_path
        self._owner = {"run_id": run_id, "map_index": map_index, "campaign_id": campaign_id}
        self._is_file = receipts_path is not None and is_receipt_file(receipts_path)
        if receipts_path is not None:
            # Here and not when the receipts are written: by then the messages have been sent.
            with _explained():
                self._try_out()

    def __call__(self, receipts: Receipts, total: int) -> dict[str, Any]:
        """
        Write the receipts and return the part of the summary that holds or locates them.

        :param receipts: one receipt for every row of the audience.
        :param total: the number of receipts.
        :returns: ``{"receipts": [...]}`` or ``{"receipts_path": path}``, with the machine under ``receipts_host``
            when the file is on its disk.
        """
        if self._receipts_path is None and total <= INLINE_LIMIT:
            return {"receipts": list(receipts)}
        path = self._file()
        try:
            _write(path=path, receipts=receipts)
        except AliyunSmsError:
            raise
        # A storage's package may raise anything; the messages have been sent, whatever it is.
        except Exception as error:
            raise ReceiptsError(
                f"the receipts cannot be written to {_shown(path)}: {_problem(error)}",
                advice="Everybody was served, and the ledger knows it. Make the place writable; a retry or a Clear "
                "only writes the receipts and sends nothing.",
            ) from error
        say(log, logging.INFO, "Receipts: %s", path)
        where = {"receipts_path": path}
        # For the error of a sensor that looks for the file on another machine.
        return where if _local(storage_path(path)) is None else where | {"receipts_host": gethostname()}

    def _try_out(self) -> None:
        path = self._file()
        target = storage_path(path)
        local = _local(target)
        if local is None:
            self._claim(path)
            return
        if local.is_dir():
            raise ConfigurationError(
                "receipts_path is the name of a file, and there is a folder of that name",
                advice="Nothing was sent now. Give another name, or the folder with a slash at its end.",
            )
        make_private_folder(local.parent)
        with file_beside(local):
            pass
        if self._owner["map_index"] != -1 and self._is_file:
            self._claim(path)

    def _claim(self, path: str) -> None:
        """Write down whose receipts the file will hold, unless another task of the same run has done so."""
        beside = storage_path(f"{path}.owner")
        try:
            # Not read_bytes() and its like: without a connection in the URI these do not use the storage that the
            # provider has set up, with its default connection, but fsspec's own.
            with beside.open("rb") as stream:
                other = json.loads(stream.read())
        except (FileNotFoundError, ValueError):
            other = {}
        same_run = isinstance(other, dict) and other.get("run_id") == self._owner["run_id"]
        if same_run and other.get("map_index") != self._owner["map_index"]:
            raise ConfigurationError(
                "two mapped tasks of one run have the same file for their receipts, so one would overwrite "
                "the other's",
                advice="Nothing was sent now by this one. Give receipts_path as a folder, or put {{ "
                "ti.map_index }} into the name of the file.",
            )
        owner = json.dumps(self._owner).encode()
        if (local := _local(beside)) is None:
            with beside.open("wb") as stream:
                stream.write(owner)
            return
        with file_beside(local) as (new, written):
            written.write(owner)
            written.close()
            new.replace(local)

    def _file(self) -> str:
        folder = self._receipts_path
        if folder is None:
            home = os.environ.get("AIRFLOW_HOME", "~/airflow")
            folder = str(Path(home).expanduser() / "aliyun_sms_receipts")
            say(
                log,
                logging.WARNING,
                "receipts_path is not set: the receipts go to this machine's %s.",
                folder,
                next_step="Set receipts_path if tasks run on several machines.",
            )
        if self._is_file:
            return folder
        return f"{folder.rstrip('/')}/{campaign_file_name(self._campaign_id)}.jsonl"


def campaign_file_name(campaign_id: str) -> str:
    """Return the name of a file for a campaign, without an ending; ids that look alike get different names."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", campaign_id)[:80].strip("._")
    digest = hashlib.blake2b(campaign_id.encode(), digest_size=4).hexdigest()
    return f"{readable}-{digest}"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ConfigurationError:
        raise
    # A storage's package may raise anything; here nothing was sent yet, so whatever it is ends the task.
    except Exception as error:
        raise ConfigurationError(
            f"receipts_path cannot be written: {_problem(error)}",
            advice="Nothing was sent now; what earlier tries sent stays in the ledger. Check that the folder exists, "
            "or can be made, and that this worker may write there.",
        ) from error


def _problem(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _shown(path: str) -> str:
    """Return a path without what may be a password in a URI."""
    return re.sub(r"//[^/]*@", "//", path)


def _local(target: Any) -> Path | None:
    return Path(str(target.path)) if target.protocol in ("file", "local") else None


def _write(*, path: str, receipts: Receipts) -> None:
    """Replace the file of the receipts; on a local disk as a whole, and readable by its owner alone."""
    target = storage_path(path)
    local = _local(target)
    if local is None:
        with target.open("wb") as stream:
            write_receipts(receipts=receipts, path=path, stream=stream)
        return
    make_private_folder(local.parent)
    # Written beside the file and renamed: a crash leaves the old file or the complete new one. A link at the place of
    # the receipts is replaced, not followed.
    with file_beside(local) as (beside, stream):
        write_receipts(receipts=receipts, path=path, stream=stream)
        # Only after the stream is closed: a rename before that would publish half a file.
        stream.close()
        beside.replace(local)

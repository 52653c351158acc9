# SPDX-License-Identifier: Apache-2.0
"""
Write local files that only their owner can read, whole or not at all.

Other users of the machine may be able to write to the folder, such as ``/tmp``. So no name can be known in advance,
no file is opened that was there before, and no link is followed.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWNER_ONLY_FILE = 0o600
_OWNER_ONLY_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """
    Make a folder and the parents that are missing, for their owner only; a folder that exists stays as it is.

    :raises OSError: it cannot be made, or something else has its name.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        # Not mkdir(parents=True): it gives the mode to the last folder alone.
        each.mkdir(mode=_OWNER_ONLY_FOLDER, exist_ok=True)


@contextmanager
def file_beside(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """
    Make an empty file beside the final one, with a random name; it is gone when the context is left.

    To keep what was written, rename it or link it to the final name inside the context.

    :param path: the final path.
    :returns: the path of the new file, and the file, open for writing bytes.
    :raises OSError: it cannot be made.
    """
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(16)}")
    # The mode is given as the file is made: given later, others could open it in between.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, _OWNER_ONLY_FILE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield beside, stream
    finally:
        beside.unlink(missing_ok=True)

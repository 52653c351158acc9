# SPDX-License-Identifier: Apache-2.0
"""
Read and write OSS through ossfs, so that a ledger may rest on it.

What ossfs does by itself would not do for a ledger, for receipts, or for a log that others read:

* It signs by version 1, which OSS does not accept for new buckets; here it is version 4.
* It looks files up in listings that it keeps, so that a file of another process is missing or has its old size; here
  every look is a request of its own, and a refused listing is an error and not an empty one.
* It writes files by appending to an object that others see growing; here a file appears as a whole.
* It cannot create a file only if there is none; here ``pipe_file(mode="create")`` can, by a header of OSS.
* Its errors and debug logs repeat what was sent: signatures, tokens, contents. Here an error has the code, the HTTP
  status and the request id.

Imported only when a path on OSS is opened.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import logging
import re
from typing import TYPE_CHECKING, Any, Final

import oss2
from oss2.credentials import Credentials as SignerCredentials
from oss2.credentials import CredentialsProvider as SignerProvider
from oss2.models import PartInfo
from ossfs import OSSFile, OSSFileSystem
from requests.exceptions import RequestException, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from airflow_provider_aliyunsms.exceptions import AliyunSmsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_aliyunsms.api.credentials import CredentialsProvider

TIMEOUT: Final = 30.0
"""Seconds to connect, to send one part of a file, and to wait for more of a response."""

_FORBID_OVERWRITE: Final = "x-oss-forbid-overwrite"
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,59}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_MISSING: Final = frozenset({"", "NoSuchKey"})
"""Codes of HTTP 404 that speak of the object: a look at its head has none, because such a response has no body."""

_AGAIN: Final = frozenset({500, 502, 503, 504})

# At DEBUG it logs the contents that it writes, receipts with their phone numbers among them.
logging.getLogger("ossfs").setLevel(logging.WARNING)


class OssStorage(OSSFileSystem):  # type: ignore[misc]  # ossfs has no types
    """
    A file system of fsspec on OSS; one for each connection and process.

    :param endpoint: the URL of the endpoint.
    :param region: the region of the buckets, which is part of every signature.
    :param provider: asked for credentials before every request.
    :param default_block_size: bytes of one part of a file that is written, and of what is read ahead; None for 5 MiB.
    :param default_cache_type: how files that are open for reading are read ahead, by a name of fsspec.
    """

    # fsspec would keep instances by their arguments, and one of them is a function.
    cachable = False

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        provider: CredentialsProvider,
        default_block_size: int | None = None,
        default_cache_type: str = "readahead",
    ) -> None:
        super().__init__(
            endpoint=endpoint.rstrip("/"),
            default_block_size=default_block_size,
            default_cache_type=default_cache_type,
        )
        self._region = region
        self._auth = oss2.ProviderAuthV4(_Signer(provider))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(region={self._region!r})"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """
        Write a whole file.

        :param mode: with ``create`` only if there is no such file. OSS ignores that in a bucket that has, or once
            had, versioning.
        :raises FileExistsError: there is one.
        """
        bucket, key = self.split_path(path)
        condition = {_FORBID_OVERWRITE: "true"} if mode == "create" else {}
        self._call_oss("put_object", key, value, bucket=bucket, headers={**_digest(value), **condition})

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """Return the content of a file, or a part of it."""
        if start is not None or end is not None:
            # By fsspec's own way through an open file, which counts from the end, too.
            return bytes(super(OSSFileSystem, self).cat_file(path, start=start, end=end, **options))
        bucket, key = self.split_path(path)
        return bytes(_told(self._call_oss("get_object", key, bucket=bucket).read))

    def get_object(self, path: str, start: int, end: int) -> bytes:
        """Return a range of a file, up to and with the byte at ``end``, or up to its last byte."""
        bucket, key = self.split_path(path)
        headers = {"x-oss-range-behavior": "standard"}
        stream = self._call_oss("get_object", key, bucket=bucket, byte_range=(start, end), headers=headers)
        return bytes(_told(stream.read))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """
        Return size, time and identity of a file, asked for now.

        :raises FileNotFoundError: there is neither a file nor anything below it.
        """
        bucket, key = self.split_path(path.rstrip("/"))
        name = f"{bucket}/{key}".rstrip("/")
        if not key:
            return {"name": name, "type": "directory", "size": 0}
        try:
            head = self._call_oss("head_object", key, bucket=bucket)
        except FileNotFoundError:
            below = self._call_oss("list_objects", prefix=f"{key}/", max_keys=1, bucket=bucket)
            if not below.object_list:
                raise
            return {"name": name, "type": "directory", "size": 0}
        return {
            "name": name,
            "type": "file",
            "size": head.content_length,
            "ETag": head.etag,
            "LastModified": head.last_modified,
        }

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether there is a file or anything below it; an error of any other kind is raised."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def find(self, path: str, **options: Any) -> Any:
        """Return what lies below a path; an error of a listing is raised, while fsspec would leave it out."""
        return super().find(path, **{**options, "on_error": "raise"})

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> OSSFile:
        if mode not in ("rb", "wb"):
            raise NotImplementedError(f"a file on OSS cannot be opened in mode {mode}")
        kind = OSSFile if mode == "rb" else _WholeFile
        options["cache_type"] = options.get("cache_type") or self._default_cache_type
        return kind(self, path, mode, block_size or self._default_block_size, **options)

    def _get_bucket(self, bucket_name: str, connect_timeout: float | None = None) -> oss2.Bucket:  # noqa: ARG002
        # The timeout is ours in every case: ossfs hands on one of its own here and there.
        return oss2.Bucket(
            self._auth,
            self._endpoint,
            bucket_name,
            session=self._session,
            connect_timeout=TIMEOUT,
            app_name="airflow-provider-aliyunsms",
            region=self._region,
            # Its checksum is very slow where its package could not be compiled. What is written has a digest here.
            enable_crc=False,
        )

    def _call_oss(self, method_name: str, *args: Any, **options: Any) -> Any:
        # ossfs makes a call again after a network error, but not after a response that says "try again". That goes
        # for every call: a write that is made twice has one result, and one that must not replace a file is refused
        # by its own file.
        again = Retrying(
            retry=retry_if_exception_type(_BusyError),
            wait=wait_exponential(multiplier=0.3),
            stop=stop_after_attempt(4),
            reraise=True,
        )
        return again(_told, super()._call_oss, method_name, *args, **options)

    def _get_object_info_list(self, *args: Any) -> list[dict[str, Any]]:
        # Pages are asked for while they are read, outside of _call_oss.
        found: list[dict[str, Any]] = _told(super()._get_object_info_list, *args)
        return found

    def _ls_dir(self, path: str, delimiter: str = "/", **options: Any) -> list[dict[str, Any]]:
        bucket, key = self.split_path(path.strip("/"))
        prefix = options.get("prefix") or ""
        return self._get_object_info_list(bucket, f"{key}/{prefix}" if key else prefix, delimiter, None)


class _WholeFile(OSSFile):  # type: ignore[misc]  # ossfs has no types
    """A file that is written in parts and appears on OSS, in place of one of its name, when it is closed."""

    _upload_id: str | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not self.closed:
            self._give_up()
        super().__exit__(kind, error, traceback)

    def _give_up(self) -> None:
        # fsspec would close the file, which makes what there is of it appear.
        self.closed = True
        if self._upload_id is not None:
            bucket, key = self.fs.split_path(self.path)
            # What is left of it costs a little, and a life cycle rule of the bucket removes it.
            with contextlib.suppress(OSError):
                self.fs._call_oss("abort_multipart_upload", key, self._upload_id, bucket=bucket)

    def _initiate_upload(self) -> None:
        self._parts: list[PartInfo] = []

    def _upload_chunk(self, final: bool = False) -> bool:  # noqa: FBT001, FBT002 - the signature is fsspec's
        data = self.buffer.getvalue()
        bucket, key = self.fs.split_path(self.path)
        if final and self._upload_id is None:
            self.fs.pipe_file(self.path, data)
            return True
        if self._upload_id is None:
            self._upload_id = self.fs._call_oss("init_multipart_upload", key, bucket=bucket).upload_id
        if data:
            number, headers = len(self._parts) + 1, _digest(data)
            done = self.fs._call_oss(
                "upload_part", key, self._upload_id, number, data, bucket=bucket, headers=headers
            )
            self._parts.append(PartInfo(number, done.etag, size=len(data)))
        if final:
            self.fs._call_oss("complete_multipart_upload", key, self._upload_id, self._parts, bucket=bucket)
        return True


class _BusyError(OSError):
    """OSS asks to try again."""


class _Signer(SignerProvider):  # type: ignore[misc]  # oss2 has no types
    """Hand our credentials to oss2, which asks before every request."""

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def get_credentials(self) -> SignerCredentials:
        found = self._provider()
        return SignerCredentials(found.access_key_id, found.access_key_secret, found.security_token or "")


def _digest(data: bytes) -> dict[str, str]:
    """Return the header by which OSS checks that what arrived is what was sent."""
    return {"Content-MD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}


def _told(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a call returns; raise its error without what was sent."""
    try:
        return call(*args, **options)
    except AliyunSmsError:
        raise
    except Exception as error:  # noqa: BLE001 - oss2 and requests raise many kinds; each is told by its code
        failure = _clean(error)
    # Raised outside the handler, so that the package's own error is not attached: it repeats the request.
    raise failure


def _clean(error: Exception) -> Exception:
    cause = error.__cause__ if isinstance(error.__cause__, oss2.exceptions.OssError) else error
    if isinstance(cause, oss2.exceptions.RequestError):
        return _unreachable(cause.exception)
    if isinstance(cause, oss2.exceptions.OssError):
        return _refusal(cause)
    if isinstance(cause, RequestException):
        return _unreachable(cause)
    # One that has been through here before, or of the machine itself.
    return error if isinstance(error, OSError) else OSError(errno.EIO, f"OSS: {type(error).__name__}")


def _unreachable(error: Exception) -> OSError:
    if isinstance(error, Timeout):
        return TimeoutError(errno.ETIMEDOUT, f"OSS did not answer in time ({type(error).__name__})")
    return ConnectionError(errno.EIO, f"OSS cannot be reached ({type(error).__name__})")


def _refusal(error: oss2.exceptions.OssError) -> OSError:
    code, request_id = str(error.code or ""), str(error.request_id or "")
    shown = code if _CODE.fullmatch(code) else type(error).__name__
    known = f", request id {request_id}" if _REQUEST_ID.fullmatch(request_id) else ""
    text = f"OSS: {shown} (HTTP {error.status}{known})"
    if error.status == 404 and code in _MISSING:
        return FileNotFoundError(errno.ENOENT, text)
    if error.status == 409 and code == "FileAlreadyExists":
        return FileExistsError(errno.EEXIST, text)
    if error.status == 403:
        return PermissionError(errno.EACCES, text)
    return (_BusyError if error.status in _AGAIN else OSError)(errno.EIO, text)

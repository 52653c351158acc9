# SPDX-License-Identifier: Apache-2.0
"""
Serve what of OSS the tests need on loopback; a command of its own, so that it outlives whoever is killed.

Objects by PUT, GET with a range, HEAD and DELETE, files in parts, and listings, with the errors and the signature
(version 4) of OSS. ``x-oss-forbid-overwrite`` is kept under a lock, and with ``--versioned`` ignored, as in a bucket
that has versioning. Buckets are made by a PUT without a signature. ``POST /-/faults`` with ``{"method": "PUT",
"part": "claim", "status": 503, "times": 2}`` plans errors, and ``GET /-/calls`` gives the actions that a RAM policy
must allow for what was asked so far, ``/-/signers`` the AccessKeys, ``/-/uploads`` the files that are half written.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import threading
import uuid
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

SECRET, TOKEN = "testsecret", "testtoken"
ACCESS_KEYS = ("testid", "notallowed")
"""Beside these everything that begins with ``STS.`` is one, with the token."""

SIGNED = ("content-type", "content-md5")
AUTHORIZATION = re.compile(
    r"OSS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?Signature=(?P<signature>[0-9a-f]+)"
)


class Refused(Exception):  # noqa: N818 - it is an answer
    """An error that OSS answers with."""

    def __init__(self, status, code, **details):
        super().__init__(code)
        self.status, self.code, self.details = status, code, details


class Store:
    """
    All buckets; one lock for everything.

    :param versioned: ``x-oss-forbid-overwrite`` is ignored.
    """

    def __init__(self, *, versioned):
        self.versioned = versioned
        self.lock = threading.Lock()
        self.buckets = {}
        self.uploads = {}
        self.faults = []
        self.calls = set()
        self.signers = set()

    def bucket(self, name):
        if name not in self.buckets:
            raise Refused(404, "NoSuchBucket", BucketName=name)
        return self.buckets[name]

    def object(self, bucket, key):
        found = self.bucket(bucket).get(key)
        if found is None:
            raise Refused(404, "NoSuchKey", Key=key)
        return found

    def put(self, bucket, key, data, *, forbid_overwrite):
        objects = self.bucket(bucket)
        if forbid_overwrite and not self.versioned and key in objects:
            raise Refused(409, "FileAlreadyExists", EC="0026-00000002")
        objects[key] = (data, formatdate(usegmt=True))

    def planned_fault(self, method, path):
        with self.lock:
            for fault in self.faults:
                if fault["method"] == method and fault.get("part", "") in path and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault
        return None


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    store: Store

    def handle_one_request(self):
        """Answer one request, whatever its method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.bucket, _, self.key = unquote(parts.path).lstrip("/").partition("/")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.request_id = uuid.uuid4().hex[:24].upper()
        try:
            status, headers, body = self._response()
        except Refused as refused:
            status, headers, body = self._told(refused)
        self._send(status, headers, body)

    def _response(self):
        if self.bucket == "-":
            return self._control()
        if self.command == "PUT" and not self.key and "Authorization" not in self.headers:
            with self.store.lock:
                self.store.buckets.setdefault(self.bucket, {})
            return 200, {}, b""
        fault = self.store.planned_fault(self.command, self.path)
        if fault is not None and not fault.get("after"):
            raise Refused(fault["status"], fault.get("code", "InternalError"))
        self._check_signature()
        with self.store.lock:
            self.store.signers.add(self._key_id)
            found = self._act()
        if fault is not None:
            raise Refused(fault["status"], fault.get("code", "InternalError"))
        return found

    def _control(self):
        if self.key == "faults":
            self.store.faults.append(json.loads(self.body))
            return 200, {}, b""
        with self.store.lock:
            known = {"calls": self.store.calls, "signers": self.store.signers, "uploads": self.store.uploads}
            return 200, {}, json.dumps(sorted(known[self.key])).encode()

    def _act(self):
        action, answer = self._route()
        self.store.calls.add(action)
        if self._key_id == "notallowed":
            raise Refused(403, "AccessDenied", EC="0003-00000001")
        return answer()

    def _route(self):
        if not self.key:
            return "oss:ListObjects", self._list
        if self.command == "GET":
            return "oss:GetObject", self._get
        if self.command == "HEAD":
            return "oss:GetObject", self._head
        if self.command == "DELETE" and "uploadId" in self.query:
            return "oss:AbortMultipartUpload", self._abort
        if self.command == "DELETE":
            return "oss:DeleteObject", self._delete
        if self.command == "POST" and "uploads" in self.query:
            return "oss:PutObject", self._begin
        if self.command == "POST" and "uploadId" in self.query:
            return "oss:PutObject", self._complete
        if self.command == "PUT":
            return "oss:PutObject", self._part if "uploadId" in self.query else self._put
        raise Refused(501, "NotImplemented")

    # ---- objects

    def _get(self):
        data, when = self.store.object(self.bucket, self.key)
        headers = {"ETag": _etag(data), "Last-Modified": when, "x-oss-object-type": "Normal"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None or int(asked[1]) >= len(data):
            return 200, headers, data
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        return 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1]

    def _head(self):
        _, headers, data = self._get()
        return 200, {**headers, "Content-Length": str(len(data))}, b""

    def _put(self):
        self._check_digest()
        self.store.put(self.bucket, self.key, self.body, forbid_overwrite=self._forbids)
        return 200, {"ETag": _etag(self.body)}, b""

    def _delete(self):
        self.store.bucket(self.bucket).pop(self.key, None)
        return 204, {}, b""

    # ---- files in parts

    def _begin(self):
        self.store.bucket(self.bucket)
        upload = uuid.uuid4().hex
        self.store.uploads[upload] = {}
        return (
            200,
            {},
            _xml("InitiateMultipartUploadResult", Bucket=self.bucket, Key=self.key, UploadId=upload),
        )

    def _part(self):
        self._check_digest()
        self._upload()[int(self.query["partNumber"])] = self.body
        return 200, {"ETag": _etag(self.body)}, b""

    def _complete(self):
        parts = self._upload()
        numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", self.body)]
        data = b"".join(parts[number] for number in numbers)
        self.store.put(self.bucket, self.key, data, forbid_overwrite=self._forbids)
        del self.store.uploads[self.query["uploadId"]]
        return (
            200,
            {},
            _xml("CompleteMultipartUploadResult", Bucket=self.bucket, Key=self.key, ETag=_etag(data)),
        )

    def _abort(self):
        self._upload()
        del self.store.uploads[self.query["uploadId"]]
        return 204, {}, b""

    def _upload(self):
        if self.query["uploadId"] not in self.store.uploads:
            raise Refused(404, "NoSuchUpload")
        return self.store.uploads[self.query["uploadId"]]

    # ---- listings

    def _list(self):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        most, marker = int(self.query.get("max-keys") or 100), self.query.get("marker", "")
        files, folders = [], set()
        for key, (data, _) in sorted(self.store.bucket(self.bucket).items()):
            if not key.startswith(prefix) or key <= marker:
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            if len(files) == most:
                break
            files.append((key, data))
        cut = bool(files) and len(files) == most
        listed = "".join(
            f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
            f"<ETag>{escape(_etag(data))}</ETag><Type>Normal</Type><Size>{len(data)}</Size>"
            "<StorageClass>Standard</StorageClass></Contents>"
            for key, data in files
        )
        listed += "".join(
            f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)
        )
        page = _xml(
            "ListBucketResult",
            raw=listed,
            EncodingType="url",
            IsTruncated=str(cut).lower(),
            NextMarker=quote(files[-1][0]) if cut else "",
        )
        return 200, {"Content-Type": "application/xml"}, page

    # ---- signature, digest, errors

    @property
    def _forbids(self):
        return (self.headers.get("x-oss-forbid-overwrite") or "").lower() == "true"

    def _check_digest(self):
        digest = self.headers.get("Content-MD5")
        if digest and digest != base64.b64encode(hashlib.md5(self.body).digest()).decode():
            raise Refused(400, "InvalidDigest")

    def _check_signature(self):
        given = self.headers.get("Authorization") or ""
        found = AUTHORIZATION.fullmatch(given)
        if found is None:
            raise Refused(403, "AccessDenied", EC="0002-00000080")
        self._key_id = found["key"]
        is_temporary = self._key_id.startswith("STS.")
        if not is_temporary and self._key_id not in ACCESS_KEYS:
            raise Refused(403, "InvalidAccessKeyId", OSSAccessKeyId=self._key_id)
        token = self.headers.get("x-oss-security-token")
        if is_temporary and token != TOKEN:
            raise Refused(403, "InvalidSecurityToken", SecurityToken=token or "")
        canonical = self._canonical_request()
        expected = _signature(SECRET, found["scope"], self.headers.get("x-oss-date") or "", canonical)
        if found["signature"] != expected:
            # As OSS does: with everything that was signed.
            raise Refused(
                403,
                "SignatureDoesNotMatch",
                OSSAccessKeyId=self._key_id,
                SignatureProvided=found["signature"],
                StringToSign=canonical,
            )

    def _canonical_request(self):
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" if value else quote(name, safe="-_.~")
            for name, value in sorted(self.query.items())
        )
        headers = sorted(
            (name.lower(), value)
            for name, value in self.headers.items()
            if name.lower().startswith("x-oss-") or name.lower() in SIGNED
        )
        return "\n".join(
            (
                self.command,
                quote(f"/{self.bucket}/{self.key}", safe="/-_.~"),
                query,
                "".join(f"{name}:{value}\n" for name, value in headers),
                "",
                "UNSIGNED-PAYLOAD",
            )
        )

    def _told(self, refused):
        body = _xml(
            "Error",
            Code=refused.code,
            Message="The server says no.",
            RequestId=self.request_id,
            HostId="127.0.0.1",
            **refused.details,
        )
        return refused.status, {"Content-Type": "application/xml"}, body

    def _send(self, status, headers, body):
        self.send_response(status)
        self.send_header("x-oss-request-id", self.request_id)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(
                name, value if self.command == "HEAD" or name != "Content-Length" else str(len(body))
            )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Log nothing."""


def _signature(secret, scope, stamp, canonical):
    date, region, product, ending = scope.split("/")
    key = f"aliyun_v4{secret}".encode()
    for part in (date, region, product, ending):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(("OSS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _etag(data):
    return f'"{hashlib.md5(data).hexdigest().upper()}"'


def _xml(tag, *, raw="", **fields):
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><{tag}>{inner}{raw}</{tag}>'.encode()


def main():
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--versioned", action="store_true")
    arguments = parser.parse_args()
    Handler.store = Store(versioned=arguments.versioned)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()

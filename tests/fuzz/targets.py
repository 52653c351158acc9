# SPDX-License-Identifier: Apache-2.0
"""
Feed bytes to everything that reads what others wrote, and let nothing out but the errors that are foreseen.

A target is a function of bytes. It raises nothing for any input; what it raises is a find. Beside it stand a
strategy, by which Hypothesis makes inputs that come far, and seeds, from which the coverage-guided fuzzer starts.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import json
import socket
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from airflow_provider_aliyunsms.api.connection import LARGEST_BODY
from airflow_provider_aliyunsms.api.responses import accepted_fields, id_of, ids_of, parse_body, texts_of
from airflow_provider_aliyunsms.api.results import (
    globe_response_of,
    message_status_of,
    page_of,
    sign_of,
    template_of,
)
from airflow_provider_aliyunsms.api.signature import SignedRequest
from airflow_provider_aliyunsms.api.transport import HttpResponse, Transport
from airflow_provider_aliyunsms.audience.phone_numbers import (
    international_number,
    mainland_number,
    mask_number,
)
from airflow_provider_aliyunsms.audience.rules.base import prepare_block
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules
from airflow_provider_aliyunsms.audience.shards import Shard
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.campaign.channels.globe import globe_outcome
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, MemoryStore, Occasion, ShardRecord
from airflow_provider_aliyunsms.campaign.receipts.files import RECEIPT_ENDINGS, read_receipts
from airflow_provider_aliyunsms.campaign.shard_totals import add_up
from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign, watched
from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
from airflow_provider_aliyunsms.delivery.events import read_event, read_progress
from airflow_provider_aliyunsms.delivery.state import DeliveryState
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AmbiguousOutcomeError,
    ApiError,
    AudienceError,
    ConfigurationError,
    LedgerError,
)
from airflow_provider_aliyunsms.operators.redaction import hide_query
from airflow_provider_aliyunsms.products import CHINA, GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NUMBERS = ("6591230001", "6591230002")


@dataclass(frozen=True)
class Target:
    """
    One thing that reads what others wrote.

    :param what: in words, for the table in the documentation.
    :param feed: takes any bytes and raises nothing.
    :param inputs: makes bytes that come far.
    :param seeds: examples of what is usual.
    """

    what: str
    feed: Callable[[bytes], None]
    inputs: st.SearchStrategy[bytes]
    seeds: Sequence[bytes] = field(default=())


# --- inputs -----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def json_with(names, *, values=JSON):
    """Make objects with some of these names, and now and then a name twice."""

    def written(pairs):
        inner = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
        return f"{{{inner}}}".encode()

    pair = st.tuples(st.sampled_from(names) | st.text(max_size=4), values)
    return st.lists(pair, max_size=8).map(written)


def spoiled(strategy):
    """Make inputs of which some have a few bytes changed, cut or doubled."""

    @st.composite
    def made(draw):
        data = bytearray(draw(strategy))
        for _ in range(draw(st.integers(0, 3))):
            if not data:
                break
            place = draw(st.integers(0, len(data) - 1))
            match draw(st.integers(0, 3)):
                case 0:
                    data[place] ^= 1 << draw(st.integers(0, 7))
                case 1:
                    del data[place:]
                case 2:
                    data[place:place] = draw(st.binary(max_size=6))
                case _:
                    data += data[place : place + 40]
        return bytes(data)

    return st.one_of(strategy, made(), st.binary(max_size=60))


# --- what the gateway sends -------------------------------------------------------------------------------


def feed_response(data: bytes) -> None:
    for product, action in ((CHINA, "SendBatchSms"), (GLOBE, "BatchSendMessageToGlobe")):
        for status in (200, 400, 503):
            http = HttpResponse(
                status=status, headers={"x-acs-retry-after": data[:12].decode("latin-1")}, body=data
            )
            with contextlib.suppress(ApiError):
                fields = accepted_fields(http, action=action, product=product)
                for name in ("BizId", "MessageIdList", "FailedList"):
                    one = id_of(fields, name)
                    expect(one is None or (one.isascii() and one.isprintable() and len(one) <= 128))
                    ids_of(fields, name)
                    texts_of(fields, name)


class Wire:
    """A server on loopback that says what it is told, byte for byte, and a transport that asks it."""

    def __init__(self) -> None:
        self.said = b""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._serve, daemon=True).start()
        port = self._listener.getsockname()[1]
        self._transport = Transport(connect_timeout=2.0, read_timeout=2.0)
        self._request = SignedRequest(
            url=f"http://127.0.0.1:{port}", headers={"content-length": "1"}, body=b"x"
        )

    def ask(self, said: bytes) -> None:
        self.said = said
        with contextlib.suppress(AmbiguousOutcomeError):
            expect(len(self._transport.send(self._request).body) <= LARGEST_BODY)

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                # The request is one packet on loopback. It has to be read, or closing would reset the connection.
                connection.recv(65536)
                connection.sendall(self.said)


@functools.cache
def wire() -> Wire:
    """Make the one server of this process when it is needed."""
    return Wire()


def feed_wire(data: bytes) -> None:
    wire().ask(data)


def feed_globe(data: bytes) -> None:
    fields = parse_body(data)
    if fields is not None:
        outcome = globe_outcome(numbers=NUMBERS, response=globe_response_of(fields), time="t")
        json.dumps(outcome.to_json()).encode()


def feed_queries(data: bytes) -> None:
    fields = parse_body(data)
    if fields is None:
        return
    with contextlib.suppress(ApiError):
        page = page_of(fields, page_size=50)
        for row in page.details:
            expect(row.err_code is None or (row.err_code.isascii() and len(row.err_code) <= 80))
    status = message_status_of(fields, message_id="1")
    expect(status.error_code is None or len(status.error_code) <= 80)
    with contextlib.suppress(ApiError):
        expect(bool(template_of(fields, code="SMS_1").content))
    with contextlib.suppress(ApiError):
        expect(all(len(carrier) <= 80 for carrier in sign_of(fields, name="阿里云").carriers))


# --- what users write -------------------------------------------------------------------------------------


def feed_audience(ending: str) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        for field_name, rules in (
            ("phone_number", ChinaRules(sign_name="阿里云", template_param={"a": "1"})),
            ("to", GlobeRules(message="Hello ${a}", template_param=None, refused_regions=("CN",))),
        ):
            with contextlib.suppress(AudienceError, ConfigurationError):
                for block in read_blocks(
                    f"x{ending}", number_field=field_name, open_binary=lambda _: io.BytesIO(data)
                ):
                    prepare_block(block, rules=rules)

    return feed


def feed_numbers(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    china, globe = mainland_number(text), international_number(text)
    expect(china is None or (len(china) == 11 and china.isascii() and china.isdigit()))
    expect(globe is None or (5 <= len(globe) <= 15 and globe.isascii() and globe.isdigit()))
    digits = "".join(character for character in mask_number(text) if character.isdigit())
    expect(len(digits) <= 7)


def feed_query(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if "'" not in text:
        expect("geheim" not in str(hide_query(f"SELECT 'geheim' {text.replace('geheim', '')}")))
    str(hide_query(text))


# --- what was stored --------------------------------------------------------------------------------------


def feed_receipts(data: bytes) -> None:
    for ending in RECEIPT_ENDINGS:
        with contextlib.suppress(AudienceError):
            for _, receipt in read_receipts(
                path=f"r{ending}", stream=io.BytesIO(data), wanted=lambda _: True
            ):
                expect(all(value is None or isinstance(value, str) for value in receipt.values()))


def feed_ledger(data: bytes) -> None:
    value = loaded(data)
    for key in (HEAD, "aliyun_sms.g1.w000001", "aliyun_sms.g1.summary"):
        read_ledger({HEAD: _HEAD, "aliyun_sms.g1.w000001": _WINDOW} | {key: value}, fenced=False)
    first = {
        "claim": {"owner": "o", "first": True},
        "ready": {"base": 0},
        "head": _HEAD,
        "g1.w000001": _WINDOW,
    }
    for name in ("claim", "ready", "head", "g1.w000001", "goodbye"):
        kept = {f"aliyun_sms.e000001.{key}": part for key, part in (first | {name: value}).items()}
        read_ledger(kept, fenced=True)
    read_shard_record(value)


def read_shard_record(value: object) -> None:
    """Ask the record of the shards what each task asks it; a damaged one lets nothing be sent."""
    for kept in (value, {"shards": value}):
        store = MemoryStore()
        store.set("aliyun_sms.e000001.claim", kept)
        record = ShardRecord(
            campaign_id="c", store_of=lambda name, own=store: own if name == "c" else MemoryStore()
        )
        for ask in (
            lambda record=record: record.check(shard=Shard(index=0, of=4), name="n"),
            lambda record=record: record.plan(of=4, may_begin=True),
            record.check_whole,
        ):
            with contextlib.suppress(LedgerError):
                ask()


def read_ledger(kept: dict[str, object], *, fenced: bool) -> None:
    """Open a ledger as a later try does, and read it to its end; a damaged one ends the try before its first call."""
    store = MemoryStore()
    for key, value in kept.items():
        store.set(key, value)
    for resend in (False, True):
        with contextlib.suppress(LedgerError):
            ledger = Ledger(store=store, campaign_id="c", fenced=fenced, clock=Clock())
            ledger.open(occasion=Occasion(name="r#1", first_try=False), resend=resend)
            for window in ledger.windows():
                json.dumps(window.to_json())
            expect(ledger.campaign)


def feed_trigger(data: bytes) -> None:
    value = loaded(data)
    with contextlib.suppress(ConfigurationError):
        if isinstance(value, dict):
            campaign = WatchedCampaign.from_json(value)
            json.dumps(campaign.to_json())
    with contextlib.suppress(ConfigurationError):
        watched(value)
    with contextlib.suppress(ConfigurationError, AudienceError):
        json.dumps(add_up(value if isinstance(value, list) else [value]))
    fingerprint = value.get("fingerprint") if isinstance(value, dict) else None
    known = Checkpoint.from_json(value, fingerprint=fingerprint if isinstance(fingerprint, str) else "f")
    if known is not None:
        json.dumps(known.to_json())
    if isinstance(value, dict):
        with contextlib.suppress(ValueError):
            state = DeliveryState.from_json(value)
            expect(state.tally.pending >= 0)
    read_progress(value)
    with contextlib.suppress(AliyunSmsError):
        read_event(value)


def loaded(data: bytes) -> object:
    """Parse as Airflow does before it hands a stored value over."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def expect(condition: object) -> None:
    if not condition:
        raise AssertionError("a promise is broken")


def _text(*parts: object) -> bytes:
    return json.dumps(parts[0] if len(parts) == 1 else parts, ensure_ascii=False).encode()


_DETAILS = {
    "Code": "OK",
    "TotalCount": "1",
    "SmsSendDetailDTOs": {"SmsSendDetailDTO": [{"ErrCode": "X", "SendStatus": 3}]},
}
_TEMPLATE = {
    "Code": "OK",
    "TemplateCode": "SMS_1",
    "TemplateContent": "${a}",
    "TemplateStatus": "1",
    "TemplateType": "1",
    "VariableAttribute": '{"a":"time"}',
}
_SIGN = {
    "Code": "OK",
    "SignName": "阿里云",
    "SignStatus": 1,
    "SignIspRegisterDetailList": [{"OperatorCode": "mobile", "RegisterStatus": 3}],
}
_GLOBE = {
    "ResponseCode": "OK",
    "SuccessCount": "1",
    "FailedList": '["6591230001"]',
    "MessageIdList": '["12"]',
}
_CAMPAIGN = {"campaign_id": "c", "api": "SendBatchSms", "accepted": 1, "finished_at": 1.0, "digest": "d"}
_PACKED = base64.b64encode(zlib.compress(b'[{"phone_number":"1","outcome":"accepted"}]')).decode()
_BITS = base64.b64encode(zlib.compress(b"\x07")).decode()
_STATE = {"bits": _BITS, "delivered": 1, "failed": 0, "errors": {}}
_COUNTS = {"failures": 0, "calls": 1, "cursor": [0, 0], "next_at": 1.0, "recent": 0, "noted_at": 1.0}
_KNOWN = {"fingerprint": "f", "progress": [_STATE], **_COUNTS}
_ENTRY = {"o": "o", "k": "AAAAAAAAAAE=", "h": "AAAAAQ==", "a": 1.0, "r": "accepted", "t": "t"}
_WINDOW = {
    "v": 2,
    "i": 1,
    "s": "seed",
    "d": "2026-01-02T03:04:05Z",
    "p": "s",
    "g": 0,
    "c": [_ENTRY],
}
HEAD = "aliyun_sms.head"
_HEAD = {
    "campaign_id": "c",
    "generation": 1,
    "occasion": "r#0",
    "occasions": ["r#0"],
    "started_at": "2026-01-02T03:04:05Z",
    "dedupe": "content",
    "secret": "",
    "windows": 1,
    "owner": "o",
}
_SHARDS = {"campaign_id": "c", "of": 4, "by": "number-1", "name": "n"}
_SHARD_RESULT = {
    "campaign_id": "c/shard-0",
    "api": "SendBatchSms",
    "total": 1,
    "accepted": 1,
    "rejected": 0,
    "skipped": 0,
    "unknown": 0,
    "requests": 1,
    "errors": {},
    "shard": {"index": 0, "of": 1, "rows": 1, "checksum": "0000"},
    "started_at": "2026-01-02T03:04:05Z",
    "finished_at": "2026-01-02T03:04:05Z",
}
_RECEIPT = {
    "phone_number": "13800001234",
    "outcome": "accepted",
    "code": None,
    "biz_id": "9^0",
    "out_id": "o",
    "time": "t",
}


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    lines = [",".join(row) for row in [["phone_number", "to", "a"], *rows]]
    return "\n".join(lines).encode("utf-8", "replace")


def changed(value: dict[str, object]) -> st.SearchStrategy[bytes]:
    """Make an object of which some fields are missing or hold something else."""
    names = st.sampled_from(list(value))
    return st.builds(
        lambda others, gone: _text({key: part for key, part in (value | others).items() if key not in gone}),
        st.dictionaries(names, JSON, max_size=2),
        st.sets(names, max_size=1),
    )


def in_window(entry: bytes) -> bytes:
    return _text(_WINDOW | {"c": [json.loads(entry)]})


HEADS = st.sampled_from(
    [
        b"200 OK",
        b"100 Continue",
        b"204 None",
        b"999",
        b"Content-Length: 2",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Content-Encoding: deflate",
        b"Connection: close",
        b" folded",
        b"x",
    ]
) | st.binary(max_size=20)
CODES = st.sampled_from(
    ["OK", "isv.AMOUNT_NOT_ENOUGH", "Throttling.User", "isp.SYSTEM_ERROR", "\ud800", "x" * 100]
)
CELLS = st.text(max_size=10) | st.sampled_from(["13800001234", "+65 9123 0001", "=1", "\x00", '"', ",", "\r"])
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6)

TARGETS = {
    "responses": Target(
        "responses of both APIs",
        feed_response,
        spoiled(
            json_with(
                ["Code", "ResponseCode", "BizId", "RequestId", "Message", "MessageIdList"],
                values=CODES | JSON,
            )
        ),
        (
            _text(_DETAILS),
            _text(_GLOBE),
            b'{"Code":"OK","BizId":"9^0","RequestId":"A-1"}',
            b"<a><Code>OK</Code></a>",
        ),
    ),
    "wire": Target(
        "HTTP, byte for byte",
        feed_wire,
        spoiled(
            st.builds(
                lambda head, body: b"HTTP/1.1 " + b"\r\n".join(head) + b"\r\n\r\n" + body,
                st.lists(HEADS, min_size=1, max_size=4),
                st.binary(max_size=60),
            )
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + zlib.compress(b"{}", wbits=31),
        ),
    ),
    "globe": Target(
        "accepted and failed numbers of a Globe batch",
        feed_globe,
        spoiled(json_with(["SuccessCount", "FailedList", "MessageIdList"])),
        (_text(_GLOBE),),
    ),
    "queries": Target(
        "records and deliveries",
        feed_queries,
        spoiled(json_with(["TotalCount", "SmsSendDetailDTOs", "Status", "ErrorCode", "Code"])),
        (
            _text(_DETAILS),
            b'{"ResponseCode":"OK","Status":"2","ErrorCode":"X"}',
            _text(_TEMPLATE),
            _text(_SIGN),
        ),
    ),
    "csv": Target(
        "audiences as CSV, with the rules",
        feed_audience(".csv"),
        spoiled(ROWS.map(_csv)),
        (b"phone_number,a\n13800001234,x\n", b'to,message\n+6591230001,"Hi, ""you"""\n'),
    ),
    "jsonl": Target(
        "audiences as JSON lines, with the rules",
        feed_audience(".jsonl"),
        spoiled(
            st.lists(json_with(["phone_number", "to", "sign_name", "message", "a"]), max_size=4).map(
                b"\n".join
            )
        ),
        (b'{"phone_number":"13800001234","a":"x"}\n', b'{"to":"+6591230001","message":"Hi"}\n'),
    ),
    "gzip": Target(
        "packed audiences",
        feed_audience(".csv.gz"),
        spoiled(st.binary(max_size=200).map(lambda data: zlib.compress(data, wbits=31))),
        (zlib.compress(b"phone_number,a\n13800001234,x\n", wbits=31),),
    ),
    "numbers": Target(
        "phone numbers",
        feed_numbers,
        st.one_of(
            st.text(alphabet="+0123456789 ()-.\u2010\uff10\u0661", max_size=30).map(str.encode),
            st.binary(max_size=30),
            st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
        ),
        (b"13800001234", b"+65 9123 0001", b"0086138 0000 1234", b"+44 (0)7911 123456"),
    ),
    "queries_shown": Target(
        "queries that are shown without their literals",
        feed_query,
        st.text(alphabet="ab1'\"`$-/*# ,()\n\\", max_size=40).map(str.encode),
        (b"SELECT 'a''b' -- c\nFROM \"t\" WHERE x = $$y$$ /* z */",),
    ),
    "receipts": Target(
        "receipts in every format",
        feed_receipts,
        spoiled(json_with(list(_RECEIPT), values=st.none() | st.text(max_size=8) | JSON)),
        (
            _text(_RECEIPT),
            b"phone_number,outcome\r\n13800001234,accepted\r\n",
            zlib.compress(_text(_RECEIPT), wbits=31),
        ),
    ),
    "ledger": Target(
        "values of the ledger",
        feed_ledger,
        spoiled(
            json_with(list(_WINDOW))
            | json_with(list(_HEAD))
            | changed(_HEAD)
            | changed(_SHARDS)
            | changed(_WINDOW)
            | changed(_ENTRY | dict.fromkeys("xnebmfg")).map(in_window)
        ),
        (_text(_WINDOW), _text(_HEAD), _text(_SHARDS)),
    ),
    "triggers": Target(
        "arguments and events of triggers, stored progress, results of send tasks",
        feed_trigger,
        spoiled(
            st.sampled_from([_text(_CAMPAIGN | {"packed": _PACKED}), _text(_KNOWN), _text(_STATE)])
            | changed(_SHARD_RESULT)
            | json_with(
                [*_CAMPAIGN, *_KNOWN, *_STATE, "receipts", "receipts_path", "packed", "status", "known"]
            )
        ),
        (
            _text(_CAMPAIGN | {"packed": _PACKED}),
            _text(_KNOWN),
            _text(_STATE),
            _text(_SHARD_RESULT),
            _text({"status": "progress", "known": _KNOWN}),
        ),
    ),
}
"""Every target by its name."""

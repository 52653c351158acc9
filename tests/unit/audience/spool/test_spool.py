# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import sys
import textwrap
from collections import Counter, namedtuple

import pytest
from audience_rows import recipient_key, row_blocks
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import Recipient, recipient_keys
from airflow_provider_aliyunsms.audience.rows import Row
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.audience.spool.spool import Rejection, Settlement, Spool
from airflow_provider_aliyunsms.codes import MOST_CODES, LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, LedgerError

TIME = "2026-01-02T03:04:05Z"

ReceiptRow = namedtuple("ReceiptRow", "number outcome code biz_id message_id out_id time")


def rows_of(spool):
    """One row for each number of the runs, which are what the spool tells."""
    rows = []
    for run in spool.receipts():
        message_ids = run.message_ids or [None] * len(run)
        assert len(run) == len(message_ids) > 0
        facts = (run.outcome, run.code, run.biz_id)
        rows += [
            ReceiptRow(number, *facts, message_id, run.out_id, run.time)
            for number, message_id in zip(run.numbers, message_ids, strict=True)
        ]
    return rows


def key_of(recipient, *, dedupe="content"):
    return recipient_key(campaign_id="campaign", recipient=recipient, dedupe=dedupe)


def keys_of(numbers, contents, *, dedupe="content"):
    return recipient_keys(campaign_id="campaign", numbers=numbers, contents=contents, dedupe=dedupe)


def loaded(items, *, dedupe="content", directory=None):
    rules = ChinaRules(sign_name="阿里云", template_param={"code": "1"})
    spool = Spool(directory=directory)
    spool.load(
        read_blocks(items, number_field="phone_number", open_binary=lambda _path: None),
        rules=rules,
        keys_of=lambda numbers, contents: keys_of(numbers, contents, dedupe=dedupe),
    )
    return spool


def numbers(count):
    return [f"138{position:08d}" for position in range(count)]


def keys_in(spool, *, batch=10):
    return [key for page in spool.unsettled(batch=batch) for key, _ in page]


def settle(spool, keys, outcome, *, code=None, out_id="out", biz_id="biz"):
    settlements = [Settlement(keys, outcome, code)]
    return spool.settle(out_id=out_id, biz_id=biz_id, time=TIME, settlements=settlements)


def total_of(counts):
    return counts.accepted + counts.rejected + counts.skipped + counts.unknown + counts.pending


def test_a_mixed_audience_has_a_receipt_for_every_row():
    items = ["13800001234", "rubbish", "+86 138 0000 1234", {"phone_number": None}, "13900001234"]
    with loaded(items) as spool:
        first, last = keys_in(spool)
        assert (spool.total, spool.ready) == (5, 2)
        assert spool.local_errors() == {
            "local.INVALID_NUMBER": 1,
            "local.MISSING_NUMBER": 1,
            "local.DUPLICATE": 1,
        }
        assert spool.errors() == spool.local_errors()
        changed = spool.settle(
            out_id="out",
            biz_id="biz",
            time=TIME,
            settlements=[Settlement([first, 77], "accepted", "OK", ["m1", "m2"])],
        )
        assert changed == 1
        assert rows_of(spool) == [
            ReceiptRow("13800001234", "accepted", "OK", "biz", "m1", "out", TIME),
            ReceiptRow("rubbish", "rejected", "local.INVALID_NUMBER", None, None, None, None),
            ReceiptRow("+86 138 0000 1234", "skipped", "local.DUPLICATE", None, None, None, None),
            ReceiptRow("", "rejected", "local.MISSING_NUMBER", None, None, None, None),
            ReceiptRow("13900001234", "pending", None, None, None, None, None),
        ]
        assert keys_in(spool) == [last]


def test_first_rejections_tell_where_and_why_without_the_value():
    with loaded(["rubbish", "13800001234", "13800001234", "nonsense", {"template_param": {"a": 1}}]) as spool:
        first, second = spool.first_rejections(2)
        assert first == Rejection(
            row=1,
            code="local.INVALID_NUMBER",
            field="phone_number",
            reason="the phone number is neither a mainland mobile nor one with a country code",
        )
        assert second.row == 4
        assert [rejection.row for rejection in spool.first_rejections(10)] == [1, 4, 5]


def test_a_receipt_shows_no_number():
    with loaded(["13800001234", "my secret"]) as spool:
        assert [repr(run) for run in spool.receipts()] == ["ReceiptRun(1 pending)", "ReceiptRun(1 rejected)"]


def test_two_messages_for_one_number_are_two_recipients_unless_only_the_phone_counts():
    items = [{"phone_number": "13800001234", "template_param": {"code": code}} for code in "ab"]
    with loaded(items) as spool:
        assert spool.ready == 2
    with loaded(items, dedupe="phone") as spool:
        assert spool.ready == 1
        ((_, recipient),) = next(spool.unsettled(batch=5))
        assert recipient.template_param == {"code": "a"}


def test_unsettled_comes_in_row_order_while_settling_goes_on():
    with loaded(numbers(25)) as spool:
        seen = []
        for page in spool.unsettled(batch=4):
            seen += [recipient.number for _, recipient in page]
            settle(spool, [key for key, _ in page][::2], "accepted")
        assert seen == numbers(25)
        left = [recipient.number for page in spool.unsettled(batch=4) for _, recipient in page]
        assert left == [number for position, number in enumerate(numbers(25)) if position % 4 % 2]


def test_recipients_come_back_complete():
    item = {
        "phone_number": "13800001234",
        "sign_name": "签名",
        "template_param": {"a": 'x"\n😀', "b": "x\ty"},
        "sms_up_extend_code": "0099",
    }
    with loaded([item]) as spool:
        ((key, recipient),) = next(spool.unsettled(batch=1))
        assert recipient == Recipient(
            number="13800001234",
            sign_name="签名",
            template_param={"a": 'x"\n😀', "b": "x\ty", "code": "1"},
            sms_up_extend_code="0099",
        )
        assert key == key_of(recipient)
        assert spool.find([key, 77]) == {key: recipient}


def test_a_later_settlement_overwrites_and_reopening_takes_it_back():
    with loaded(numbers(2)) as spool:
        keys = keys_in(spool)
        settle(spool, keys, "unknown", code="OPEN", out_id="one")
        assert spool.errors() == {"OPEN": 2}
        settle(spool, keys[:1], "accepted", out_id="two")
        assert [(row.outcome, row.out_id) for row in rows_of(spool)] == [
            ("accepted", "two"),
            ("unknown", "one"),
        ]
        assert spool.reopen([keys[1], 77]) == 1
        assert keys_in(spool) == [keys[1]]
        assert [(row.outcome, row.out_id, row.code) for row in rows_of(spool)][1] == ("pending", None, None)


def test_an_outcome_without_a_code_is_counted_under_its_name():
    with loaded(numbers(3)) as spool:
        keys = keys_in(spool)
        settle(spool, keys[:1], "rejected")
        settle(spool, keys[1:], "rejected", code="isv.MOBILE_NUMBER_ILLEGAL")
        assert spool.errors() == {"rejected": 1, "isv.MOBILE_NUMBER_ILLEGAL": 2}
        assert spool.local_errors() == {}


def test_codes_are_told_apart_up_to_a_bound():
    count = MOST_CODES + 40
    with loaded(numbers(count)) as spool:
        for position, key in enumerate(keys_in(spool, batch=count)):
            settle(spool, [key], "rejected", code=f"CODE_{position}")
        errors = spool.errors()
        assert len(errors) <= MOST_CODES + 1
        assert errors[LocalCode.OTHER_CODE] >= 40
        assert sum(errors.values()) == spool.counts().rejected == count


def test_skipped_rows_cannot_be_settled_by_the_key_of_their_twin():
    with loaded(["13800001234", "13800001234"]) as spool:
        (key,) = keys_in(spool)
        assert settle(spool, [key], "accepted") == 1
        assert [row.outcome for row in rows_of(spool)] == ["accepted", "skipped"]


ITEMS = st.lists(
    st.sampled_from(
        ["13800001234", "+86 13800001234", "13900001234", "85251234567", "x", "", "\ud800", "1380000123.0"]
        + [
            {"phone_number": "13800001234", "template_param": {"code": code}}
            for code in ("1", "2", None, "y" * 36)
        ]
    ),
    max_size=30,
)


@settings(deadline=None)
@given(
    ITEMS,
    st.sampled_from(["content", "phone"]),
    st.lists(st.sampled_from(["accepted", "rejected", "unknown"])),
)
def test_counts_add_up_for_any_mix_of_rows_and_outcomes(items, dedupe, outcomes):
    with loaded(items, dedupe=dedupe) as spool:
        assert spool.total == len(items) == total_of(spool.counts())
        keys = keys_in(spool, batch=3)
        assert len(set(keys)) == len(keys) == spool.ready == spool.counts().pending
        for key, outcome in zip(keys, outcomes, strict=False):
            assert settle(spool, [key], outcome) == 1
        counts = spool.counts()
        receipts = rows_of(spool)
        assert len(receipts) == len(items) == counts.total == total_of(counts)
        by_outcome = Counter(receipt.outcome for receipt in receipts)
        assert {name: getattr(counts, name) for name in by_outcome} == by_outcome
        assert counts.pending == max(0, len(keys) - len(outcomes))
        assert sum(spool.errors().values()) == counts.rejected + counts.skipped + counts.unknown


@given(ITEMS)
def test_the_same_audience_has_the_same_keys_and_digest(items):
    with loaded(items) as one, loaded(items) as two, loaded([*items, "13700001234"]) as longer:
        assert keys_in(one) == keys_in(two)
        assert (one.digest, one.ready) == (two.digest, two.ready)
        assert longer.digest != one.digest
        settle(one, keys_in(one), "accepted")
        assert one.digest == two.digest


def test_the_digest_depends_on_the_order():
    with loaded(numbers(2)) as one, loaded(numbers(2)[::-1]) as other:
        assert one.digest != other.digest


def test_an_empty_audience():
    with loaded([]) as spool:
        assert (spool.total, spool.ready, rows_of(spool), list(spool.unsettled(batch=1))) == (
            0,
            0,
            [],
            [],
        )
        assert total_of(spool.counts()) == 0


def test_programming_errors_are_told():
    with Spool() as spool:
        with pytest.raises(RuntimeError, match="not loaded"):
            _ = spool.digest
        spool.load([], rules=ChinaRules(sign_name="x", template_param=None), keys_of=keys_of)
        with pytest.raises(RuntimeError, match="once"):
            spool.load([], rules=ChinaRules(sign_name="x", template_param=None), keys_of=keys_of)
        with pytest.raises(ValueError, match="outcome"):
            settle(spool, [1], "delivered")
        with pytest.raises(ValueError, match="batch"):
            next(spool.unsettled(batch=0))


def test_a_spool_that_could_not_be_loaded_is_not_loaded_again():
    """Half of the audience is in it: a second load would add to that, or tell of a disk that is not well."""
    rules = ChinaRules(sign_name="x", template_param=None)
    with Spool() as spool:
        broken = read_blocks([None], number_field="phone_number", open_binary=lambda _path: None)
        with pytest.raises(AudienceError):
            spool.load(broken, rules=rules, keys_of=keys_of)
        with pytest.raises(RuntimeError, match="once"):
            spool.load([], rules=rules, keys_of=keys_of)


def test_an_error_of_the_source_passes_through_and_everything_is_deleted(tmp_path):
    with Spool(directory=tmp_path) as spool, pytest.raises(AudienceError, match="Row 3"):
        spool.load(
            read_blocks(
                ["13800001234", "13900001234", None],
                number_field="phone_number",
                open_binary=lambda _path: None,
            ),
            rules=ChinaRules(sign_name="x", template_param=None),
            keys_of=keys_of,
        )
    assert list(tmp_path.iterdir()) == []


def test_the_directory_is_private_and_gone_after_close(tmp_path):
    spool = loaded(numbers(3), directory=tmp_path)
    (private,) = tmp_path.iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    spool.close()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_numbers_behind(tmp_path):
    code = f"""
        import pathlib, sys
        sys.path[:0] = {sys.path!r}
        from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
        from airflow_provider_aliyunsms.audience.sources.read import read_blocks
        from airflow_provider_aliyunsms.audience.spool.spool import Spool
        spool = Spool(directory=pathlib.Path({str(tmp_path)!r}))
        numbers = [f"138{{n:08d}}" for n in range(50_000)]
        spool.load(
            read_blocks(numbers, number_field="phone_number", open_binary=open),
            rules=ChinaRules(sign_name="x", template_param=None),
            keys_of=lambda numbers, contents: [*map(hash, numbers)],
        )
        print(spool.ready, flush=True)
        sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "50000\n"
        process.send_signal(signal.SIGKILL)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_place_that_cannot_be_written_to(tmp_path):
    with pytest.raises(AudienceError, match=r"cannot be made.*Nothing was sent"):
        Spool(directory=tmp_path / "missing")


@contextlib.contextmanager
def full_disk(*, size):
    """No file of this process can grow beyond some bytes, which SQLite sees as a disk that is full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("size", "rows"), [(100, 0), (1_000_000, 50_000)])
def test_a_full_disk_is_told_before_anything_is_sent(size, rows, tmp_path):
    with full_disk(size=size), pytest.raises(AudienceError) as caught, Spool(directory=tmp_path) as spool:
        spool.load(
            row_blocks(
                Row(number=1, values={"phone_number": number}, flat=False) for number in numbers(rows)
            ),
            rules=ChinaRules(sign_name="x", template_param=None),
            keys_of=keys_of,
        )
    assert "cannot be written" in str(caught.value)
    assert "Nothing was sent" in str(caught.value)
    assert "138" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_while_sending_stops_the_campaign_resumably():
    with loaded(numbers(1000)) as spool:
        keys = keys_in(spool, batch=1000)
        with full_disk(size=100), pytest.raises(LedgerError, match="while sending"):
            sum(settle(spool, [key], "accepted") for key in keys)


@given(st.lists(st.sampled_from(["accepted", "rejected", "unknown"]), min_size=30, max_size=30), st.randoms())
def test_neighbours_and_strangers_are_settled_alike(outcomes, shuffler):
    with loaded([*numbers(30), *numbers(5)]) as spool:
        wanted = dict(zip(keys_in(spool, batch=7), outcomes, strict=True))
        keys = list(wanted)
        shuffler.shuffle(keys)
        for part in (keys[:12], keys[12:], keys[:3]):
            settlements = [Settlement([key], wanted[key]) for key in part]
            assert spool.settle(out_id="o", biz_id="b", time=TIME, settlements=settlements) == len(part)
        assert [row.outcome for row in rows_of(spool)] == [*outcomes, *["skipped"] * 5]

# SPDX-License-Identifier: Apache-2.0
"""Packed files, other encodings, other names, Parquet, and files that are not what they should be."""

from __future__ import annotations

import datetime
import gzip
import io
import tempfile
import traceback
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audience_rows import read_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.sources import Columns
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

SECRET = "13912345678"
TEXT = f'phone_number,姓名\n{SECRET},"张\n三"\n13800001234,李四\n'
JSONL = f'{{"phone_number": "{SECRET}", "姓名": "张三"}}\n"13800001234"\n'


def open_file(path):
    return Path(path).open("rb")


def rows_of(content, *, name="audience.csv", mapping=None, **more):
    stream = content if isinstance(content, io.IOBase) else io.BytesIO(content)
    found = read_rows(name, open_binary=lambda _path: stream, columns=Columns(mapping), **more)
    return [dict(row.values) for row in found]


def refused(content, **more):
    with pytest.raises(AudienceError) as caught:
        rows_of(content, **more)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def parquet(columns, **more):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **more)
    return stream.getvalue()


PLAIN = {
    "a.csv": TEXT.encode(),
    "a.jsonl": JSONL.encode(),
    "a.ndjson": JSONL.encode(),
    "a.parquet": parquet({"phone_number": [SECRET, "13800001234"], "姓名": ["张三", None]}),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_packed_file_gives_the_same_rows(name):
    plain = rows_of(PLAIN[name], name=name)
    assert len(plain) == 2
    assert rows_of(gzip.compress(PLAIN[name]), name=f"{name}.GZ") == plain


def test_gzip_in_several_members_is_one_file():
    half = len(TEXT.encode()) // 2
    packed = gzip.compress(TEXT.encode()[:half]) + gzip.compress(TEXT.encode()[half:])
    assert rows_of(packed, name="a.csv.gz") == rows_of(TEXT.encode())


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@settings(max_examples=30)
@given(data=st.data())
def test_a_cut_gzip_is_never_taken_for_a_shorter_file(name, data):
    packed = gzip.compress(PLAIN[name])
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert "gzip" in refused(packed[:cut], name=f"{name}.gz")


def test_a_damaged_gzip_is_told_from_a_cut_one():
    packed = bytearray(gzip.compress(TEXT.encode()))
    packed[-6] ^= 1  # the checksum
    assert "damaged" in refused(bytes(packed), name="a.csv.gz")
    assert "is not gzip" in refused(TEXT.encode(), name="a.csv.gz")


def test_nothing_of_a_packed_parquet_file_stays_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed = gzip.compress(PLAIN["a.parquet"])
    rows_of(packed, name="a.parquet.gz")
    refused(packed[:-10], name="a.parquet.gz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["gb18030", "GBK", "big5"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
def test_a_file_in_another_encoding_that_was_named(name, encoding):
    text = (JSONL if "json" in name else TEXT).replace("张", "王").encode(encoding)
    rows = rows_of(gzip.compress(text) if name.endswith("gz") else text, name=name, encoding=encoding)
    assert rows[0]["姓名"].replace("\n", "") == "王三"


def test_a_gb18030_byte_order_mark_is_no_part_of_the_header():
    assert rows_of(("\ufeff" + TEXT).encode("gb18030"), encoding="gb18030") == rows_of(TEXT.encode())


def test_without_its_name_another_encoding_is_refused_and_the_parameter_is_named():
    said = refused(TEXT.encode("gb18030"))
    assert "'encoding'" in said
    assert "gb18030" in said


def test_utf8_under_another_name_is_refused_because_it_would_decode_to_nonsense():
    text = f"phone_number,city\n{SECRET},中国移动\n"
    assert "中国移动" not in text.encode().decode("gb18030")  # and no error would come from here
    assert "is UTF-8" in refused(text.encode(), encoding="gb18030")
    assert "mark of UTF-8" in refused(text.encode("utf-8-sig"), encoding="gb18030")


def test_bytes_that_are_not_in_the_named_encoding_say_their_row():
    with pytest.raises(AudienceError, match="is not gb18030 text") as caught:
        rows_of(b"phone_number,a\n13800001234,1\n13800001234,\xff\n", encoding="gb18030")
    assert caught.value.row == 2


@given(
    st.lists(
        st.text(
            st.sampled_from("安徽省合肥市张伟王芳李娜刘洋陈杰杨磊重庆联通用户年月日"), min_size=2, max_size=6
        ),
        min_size=4,
    )
)
def test_chinese_in_gb18030_is_never_taken_for_utf8(names):
    text = "phone_number,name\n" + "".join(f"13800001234,{name}\n" for name in names)
    assert [row["name"] for row in rows_of(text.encode("gb18030"), encoding="gb18030")] == names


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_utf8_may_be_named(encoding):
    assert rows_of(TEXT.encode("utf-8-sig"), encoding=encoding) == rows_of(TEXT.encode())


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "klingon", "base64", "", 7])
def test_an_encoding_that_cannot_be_read_line_by_line_or_is_unknown(encoding):
    with pytest.raises(ConfigurationError):
        rows_of(b"", encoding=encoding)


@pytest.mark.parametrize("source", [["13800001234"], "a.parquet", "a.parquet.gz"])
def test_an_encoding_is_for_text_files(source):
    with pytest.raises(ConfigurationError, match="encoding"):
        read_rows(source, open_binary=open, encoding="gb18030")


MAPPING = {"手机": "phone_number", "备注": None}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "手机,city,备注\n13800001234,杭州,x\n".encode()),
        ("a.jsonl", '{"手机": "13800001234", "city": "杭州", "备注": "x"}'.encode()),
        ("a.parquet", parquet({"手机": ["13800001234"], "city": ["杭州"], "备注": ["x"]})),
    ],
)
def test_their_names_become_ours_and_unwanted_columns_go(name, content):
    assert rows_of(content, name=name, mapping=MAPPING) == [{"phone_number": "13800001234", "city": "杭州"}]


def test_names_are_mapped_in_lists_as_well():
    rows = read_rows([{"手机": "13800001234"}], open_binary=open, columns=Columns(MAPPING))
    assert [dict(row.values) for row in rows] == [{"phone_number": "13800001234"}]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_mapped_column_must_be_there_and_is_named(name):
    content = (
        parquet({"phone_number": ["1"]}) if name == "a.parquet" else f"phone_number\n{SECRET}\n".encode()
    )
    assert "no column '手机'" in refused(content, name=name, mapping={"手机": "name"})


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_new_name_must_not_meet_an_old_one(name):
    content = {
        "a.csv": f"tel,phone_number\n{SECRET},1\n".encode(),
        "a.jsonl": f'{{"tel": "{SECRET}", "phone_number": "1"}}'.encode(),
        "a.parquet": parquet({"tel": [SECRET], "phone_number": ["1"]}),
    }[name]
    assert "'phone_number' twice" in refused(content, name=name, mapping={"tel": "phone_number"})


@pytest.mark.parametrize(
    "mapping", [{"a": "b", "c": "b"}, {"a": ""}, {"a": " b"}, {"a": 1}, {1: "a"}, ["a"], "a"]
)
def test_a_mapping_that_is_none(mapping):
    with pytest.raises(ConfigurationError, match="column_mapping"):
        Columns(mapping)


def test_parquet_values_become_what_a_row_can_hold():
    columns = {
        "phone_number": pa.array([13800001234, None], pa.int64()),
        "price": pa.array([Decimal("12.50"), None], pa.decimal128(9, 2)),
        "day": pa.array([datetime.date(2026, 1, 2), None]),
        "template_param": pa.array([{"a": "x"}, None]),
    }
    first, second = rows_of(parquet(columns), name="a.parquet")
    assert first == {
        "phone_number": 13800001234,
        "price": Decimal("12.50"),
        "day": datetime.date(2026, 1, 2),
        "template_param": {"a": "x"},
    }
    assert set(second.values()) == {None}


def test_parquet_with_no_rows_is_empty_and_without_the_number_is_refused():
    assert rows_of(parquet({"phone_number": pa.array([], pa.string())}), name="a.parquet") == []
    assert "no column 'phone_number'" in refused(parquet({"a": [SECRET]}), name="a.parquet")


def test_any_cut_or_damaged_parquet_is_an_audience_error():
    numbers = [f"138{n:08d}" for n in range(20_000)]
    whole = parquet({"phone_number": numbers}, compression="snappy", use_dictionary=False)
    for broken in (b"", whole[: len(whole) // 2], whole[:-1], whole[:4000] + bytes(4000) + whole[8000:]):
        assert "as Parquet" in refused(broken, name="a.parquet")


def test_a_row_group_is_not_held_as_a_whole():
    # Filled with text that does not pack well, so that the file is about as big as its rows.
    names = [f"{n * 7919 % 1_000_003:040x}" for n in range(100_000)]
    content = parquet(
        {"phone_number": names}, row_group_size=100_000, compression="none", use_dictionary=False
    )
    del names
    held = pa.total_allocated_bytes()
    rows = read_rows("a.parquet", open_binary=lambda _path: io.BytesIO(content))
    peaks = {pa.total_allocated_bytes() - held for row in rows if row.number % 1000 == 0}
    assert max(peaks) < len(content) / 2


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-aliyunsms\[parquet\]"):
        read_rows("a.parquet", open_binary=open)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.csv.gz"])
def test_a_file_that_changes_while_it_is_read_is_refused_at_its_end(tmp_path, name):
    content = PLAIN[name.removesuffix(".gz")]
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    rows = read_rows(
        file,
        open_binary=open_file,
        fingerprint=lambda path: Path(path).stat().st_size,
    )
    next(rows)
    with file.open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(AudienceError, match="changed while it was read"):
        list(rows)


def test_a_change_explains_whatever_else_was_found(tmp_path):
    sizes = iter([100, 200, 300])
    with pytest.raises(AudienceError, match="changed while it was read"):
        rows_of(b'phone_number\n"13800001234', fingerprint=lambda _path: next(sizes))


def test_the_lists_of_a_mapped_task_are_one_audience():

    from collections import UserList

    rows = read_rows(
        UserList([["13800001234", {"phone_number": "1"}], [], ["13900001234"]]), open_binary=open
    )
    assert [row.number for row in rows] == [1, 2, 3]
    with pytest.raises(AudienceError, match="type list"):
        list(read_rows(UserList([[["13800001234", "name"]]]), open_binary=open))
    with pytest.raises(AudienceError, match="type list"):
        list(read_rows([["13800001234", "name"]], open_binary=open))

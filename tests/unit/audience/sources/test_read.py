# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import json
import traceback
from collections import UserDict
from decimal import Decimal
from pathlib import Path

import pytest
from audience_rows import read_rows, rows_of
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.rows import Row, RowBlock, TableBlock
from airflow_provider_aliyunsms.audience.rules import ChinaRules, prepare_block
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks
from airflow_provider_aliyunsms.audience.sources.read import FILE_ENDINGS, check_source
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

RULES = ChinaRules(sign_name="s", template_param=None)
SECRET = "13912345678"


def open_file(path):
    return Path(path).open("rb")


def read_bytes(content, *, name="audience.csv", number_field="phone_number"):
    stream = content if isinstance(content, io.IOBase) else io.BytesIO(content)
    return list(read_rows(name, number_field=number_field, open_binary=lambda _path: stream, null_values=()))


def read_text(text, **more):
    return read_bytes(text.encode(), **more)


def read_items(items, **more):
    return list(read_rows(items, number_field="phone_number", open_binary=open_file, **more))


def refused(content, **more):
    with pytest.raises(AudienceError) as caught:
        read_bytes(content.encode() if isinstance(content, str) else content, **more)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv(bom, end):
    text = end.join(
        [" phone_number ,name", "13800001234,张三", "", '"13900001234","a ""b"", c' + end + 'd"', "   ", ""]
    )
    rows = read_bytes(bom + text.encode())
    assert [(row.number, dict(row.values), row.flat) for row in rows] == [
        (1, {"phone_number": "13800001234", "name": "张三"}, True),
        (2, {"phone_number": "13900001234", "name": f'a "b", c{end}d'}, True),
    ]


def test_a_csv_file_on_disk_of_every_path_type(tmp_path):
    file = tmp_path / "A.CSV"
    file.write_text("phone_number\n13800001234")
    for source in (file, str(file)):
        rows = list(read_rows(source, number_field="phone_number", open_binary=open_file))
        assert [row.values["phone_number"] for row in rows] == ["13800001234"]


def test_a_storage_path_that_is_no_pathlike():
    class StoragePath:
        def __str__(self):
            return "s3://bucket/a.jsonl"

        def as_uri(self):
            return str(self)

    assert check_source(StoragePath()) == "s3://bucket/a.jsonl"


def test_globe_files_may_name_the_column_phone_number():
    (row,) = read_text("phone_number,name\n85251234567,a\n", number_field="to")
    assert row.given_number == "85251234567"


def test_a_file_is_read_as_it_is_needed_and_closed_at_the_end():
    class Endless(io.RawIOBase):
        blocks = 0

        def readable(self):
            return True

        def read(self, _size=-1):
            self.blocks += 1
            return b"phone_number\n" if self.blocks == 1 else b"13800001234\n" * 1000

    stream = Endless()
    rows = read_rows("a.csv", number_field="phone_number", open_binary=lambda _path: stream)
    assert [next(rows).number for _ in range(1500)] == list(range(1, 1501))
    assert stream.blocks <= 4
    rows.close()
    assert stream.closed


CELL = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        '"',
        "a,b",
        "a\nb",
        "a\r\nb",
        "\n",
        "中文",
        "😀",
        "'",
        ";",
        "\t",
        "\ufeff",
        "${name}",
        "\x00",
        "\x85\u2028",
    ]
)


@given(
    st.lists(st.tuples(CELL, CELL), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_round_trip(cells, end, bom, quoting):
    text = io.StringIO(newline="")
    if any("\r" in cell for pair in cells for cell in pair):
        quoting = csv.QUOTE_ALL  # the writer forgets the quotes that a lone carriage return needs
    # A cell of several lines with commas may be other rows, and is refused.
    cells = [tuple(cell.replace("," if "\n" in cell else "", "") for cell in pair) for pair in cells]
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerow(["phone_number", "a", "b"])
    writer.writerows(("13800001234", *pair) for pair in cells)
    rows = read_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    # Blanks after a comma are no part of a cell without quotes.
    found = [(row.values["a"].lstrip(" "), row.values["b"].lstrip(" ")) for row in rows]
    assert found == [(a.lstrip(" "), b.lstrip(" ")) for a, b in cells]
    assert [row.number for row in rows] == list(range(1, len(cells) + 1))


@given(
    st.lists(st.dictionaries(st.text("abc中文", max_size=5), CELL, max_size=3), max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_jsonl_round_trip(objects, bom, ascii_only):
    text = "\n".join(json.dumps(item, ensure_ascii=ascii_only) for item in objects)
    rows = read_bytes(text.encode("utf-8-sig" if bom else "utf-8"), name="a.jsonl")
    given = [{name: value for name, value in row.values.items() if value is not None} for row in rows]
    assert given == objects


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.jsonl"]))
def test_any_bytes_are_rows_or_an_audience_error(content, name):
    try:
        rows = read_bytes(content, name=name)
    except AudienceError:
        return
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_the_size_of_the_blocks_a_storage_hands_out_does_not_matter(sizes):
    class Trickle(io.BytesIO):
        turn = 0

        def read(self, _size=-1):
            self.turn += 1
            return super().read(sizes[self.turn % len(sizes)])

    text = "\ufeffphone_number,name\n" + "".join(f'138{n:08d},"张\n{n}"\n' for n in range(50))
    rows = read_bytes(Trickle(text.encode()))
    assert [row.values["name"] for row in rows] == [f"张\n{n}" for n in range(50)]


@pytest.mark.parametrize(
    ("text", "row", "says"),
    [
        ("", None, "empty"),
        (f"{SECRET},{SECRET}\n1,2\n", None, "no column 'phone_number'"),
        ("phone-number/name\n", None, "no column 'phone_number'"),
        ("phone_number,a,a\n", None, "'a' twice"),
        ("phone_number, phone_number\n", None, "'phone_number' twice"),
        (
            f"phone_number,\n{SECRET},x\n",
            1,
            "Column 2 has no name in the header row, and holds a value in row 1",
        ),
        (f"phone_number,{SECRET},{SECRET}\n", None, "'***' twice"),
        ("phone_number,a\n13800001234,1\nand more\n", 2, "has 1 cells, the header has 2"),
        (f"phone_number,a\n{SECRET},1,2\n", 1, "has 3 cells, the header has 2"),
        (f'phone_number,a\n{SECRET},"x"y\n', 1, "not valid CSV"),
        (f'phone_number,a\n13800001234,1\n{SECRET},"x\n', 2, "not valid CSV"),
        (f"phone_number\r{SECRET}\rx\n", None, "line ends of several kinds"),
        (f'phone_number,a\n{SECRET},"{"x" * 140_000}"\n', 1, "not valid CSV"),
    ],
)
def test_a_broken_csv_file_says_where_and_never_what(text, row, says):
    error = refused(text)
    assert error.row == row
    assert says in str(error)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16-le", "utf-16-be"])
def test_another_encoding_is_refused(encoding):
    for name, text in (
        ("a.csv", f"phone_number,姓名\n{SECRET},张三\n"),
        ("a.jsonl", f'{{"{SECRET}": "张三"}}\n'),
    ):
        assert "UTF-8" in str(refused(text.encode(encoding), name=name))


def test_an_encoding_error_names_its_row():
    assert refused(b"phone_number,a\n13800001234,1\n13900001234,\xff\n").row == 2
    assert refused(b'"13800001234"\n\n"\xff"\n', name="a.jsonl").row == 2


def test_a_file_without_line_ends_does_not_fill_the_memory():
    class Zeros(io.RawIOBase):
        def readable(self):
            return True

        def read(self, size=-1):
            return b"0" * size

    with pytest.raises(AudienceError, match="too long"):
        read_bytes(Zeros())


def test_jsonl():
    text = (
        '"13800001234"\n\n{"phone_number": "13900001234", "price": 12.50, "template_param": {"a": 1}}\n  \n{}'
    )
    rows = read_text(text, name="a.ndjson")
    assert [(row.number, dict(row.values), row.flat) for row in rows] == [
        (1, {"phone_number": "13800001234", "price": None, "template_param": None}, True),
        (2, {"phone_number": "13900001234", "price": Decimal("12.50"), "template_param": {"a": 1}}, True),
        (3, dict.fromkeys(["phone_number", "price", "template_param"]), True),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f'{{"phone_number": "{SECRET}"', "not valid JSON"),
        (f'{{"phone_number": "{SECRET}", "phone_number": "{SECRET}"}}', "twice"),
        (f'["{SECRET}"]', "neither an object nor a string"),
        ("1.5", "neither an object nor a string"),
        ("null", "neither an object nor a string"),
        (f'{{"{SECRET}": NaN}}', "NaN"),
        ("9" * 5000, "too many digits"),
        ("1e9999999999999999999", "too many digits"),
        ('{"a":' * 100_000, "nested"),
        (f'"{SECRET}" "x"', "not valid JSON"),
    ],
    ids=range(10),
)
def test_a_broken_json_line_says_where_and_never_what(line, says):
    error = refused('"13800001234"\n\n' + line + "\n", name="a.jsonl")
    assert error.row == 2
    assert "line 3" in str(error)
    assert says in str(error)


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_every_ending_is_known_in_either_case(ending):
    assert check_source(f"s3://bucket/a{ending.upper()}")


@pytest.mark.parametrize("source", ["a.xls", "a.gz", "a.xls.gz", SECRET, "", "s3://key:secret@bucket/a"])
def test_another_ending_is_a_configuration_error_that_names_the_known_ones(source):
    with pytest.raises(ConfigurationError) as caught:
        read_rows(source, number_field="phone_number", open_binary=open_file)
    assert all(ending in str(caught.value) for ending in FILE_ENDINGS)
    assert not source or source not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(AudienceError, match=r"'a\.csv' does not exist") as caught:
        list(read_rows(tmp_path / "a.csv", number_field="phone_number", open_binary=open_file))
    assert str(tmp_path) not in str(caught.value)


def test_a_folder_instead_of_a_file(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(AudienceError, match="cannot be read"):
        list(read_rows(tmp_path / "a.csv", number_field="phone_number", open_binary=open_file))


def test_a_connection_lost_while_reading():
    class Broken(io.BytesIO):
        def read(self, _size=-1):
            raise ConnectionResetError

    with pytest.raises(AudienceError, match="ConnectionResetError"):
        read_bytes(Broken())


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_items(kind):
    rows = read_items(kind(["13800001234", {"phone_number": "13900001234", "sign_name": "x"}]))
    assert [(row.number, dict(row.values), row.flat) for row in rows] == [
        (1, {"phone_number": "13800001234"}, False),
        (2, {"phone_number": "13900001234", "sign_name": "x"}, False),
    ]


@pytest.mark.parametrize("item", [None, True, [SECRET], SECRET.encode(), (SECRET,)])
def test_an_item_of_a_wrong_type(item):
    with pytest.raises(AudienceError) as caught:
        read_items(["13800001234", item])
    assert caught.value.row == 2
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "source", [{"phone_number": SECRET}, SECRET.encode(), bytearray(b"x"), None, int(SECRET)]
)
def test_a_source_of_a_wrong_type(source):
    with pytest.raises(AudienceError) as caught:
        read_items(source)
    assert SECRET not in str(caught.value)


def test_a_row_shows_only_its_position():
    assert repr(Row(number=3, values={"phone_number": SECRET}, flat=False)) == "Row(3)"


@pytest.mark.parametrize(
    ("value", "given_number"),
    [
        ("+86 138", "+86 138"),
        (138, "138"),
        (Decimal("1.5"), "1.5"),
        (None, ""),
        ([SECRET], ""),
        pytest.param(10**6000, "", id="huge"),
    ],
)
def test_the_number_as_given(value, given_number):
    assert Row(number=1, values={"phone_number": value}, flat=False).given_number == given_number


NESTED_NULL = {"phone_number": "13800001234", "template_param": {"name": "NULL", "inner": {"deep": "NaN"}}}


@pytest.mark.parametrize("form", ["list", "lines", "array"])
def test_a_word_for_nothing_is_empty_wherever_the_variable_stands(form):
    others = [
        {**NESTED_NULL, "template_param": {"name": "x", "inner": {}}},
        {**NESTED_NULL, "template_param": None},
    ]
    items = [*others, NESTED_NULL]
    text = json.dumps(items) if form == "array" else "\n".join(map(json.dumps, items))
    content = io.BytesIO(text.encode())
    source = items if form == "list" else f"a.json{'l' if form == 'lines' else ''}"
    rows = list(read_rows(source, number_field="phone_number", open_binary=lambda _path: content))
    assert [row.values["template_param"] for row in rows] == [
        {"name": "x", "inner": {}},
        None,
        {"name": None, "inner": {"deep": None}},
    ]


KEYS = st.sampled_from(
    ["phone_number", "sign_name", "template_param", "sms_up_extend_code", "name", " Phone-Number "]
)
ITEMS = st.one_of(
    st.sampled_from(["13800001234", 13800001235, 13800001236.0]),
    st.dictionaries(KEYS, st.sampled_from(["x", "NULL", None, 1, {"a": "b"}, {"a": "NULL"}]), max_size=3),
)


@given(
    items=st.one_of(
        st.lists(ITEMS, max_size=6), st.lists(st.fixed_dictionaries({"phone_number": st.just("1")}))
    ),
    only=st.sampled_from([None, ["name"]]),
)
def test_items_of_a_list_are_the_same_one_by_one_and_as_a_table(items, only):
    def read(given_items):
        try:
            blocks = read_blocks(given_items, open_binary=open_file, columns=Columns(only=only))
            return [
                (row.number, {name: value for name, value in row.values.items() if value is not None})
                for row in rows_of(blocks)
            ], [
                code(row)
                for row in rows_of(
                    read_blocks(given_items, open_binary=open_file, columns=Columns(only=only))
                )
            ]
        except AudienceError as error:
            return error.row, str(error)

    def code(row):
        try:
            return RULES.prepare(row.values, flat=row.flat)
        except (RowRejected, AudienceError) as error:
            return str(error)

    # A mapping of another type is never put into a table.
    assert read(items) == read([UserDict(item) if isinstance(item, dict) else item for item in items])


@pytest.mark.parametrize("odd", [None, 1, ("a",)])
def test_a_key_that_is_no_text_is_refused_in_a_list_of_alike_items_too(odd):
    """As ``csv.DictReader`` leaves a row with too many cells, whose other cells may stand in wrong places."""
    items = [{"phone_number": f"138000012{place:02d}", "name": "x", odd: ["y"]} for place in range(3)]
    blocks = read_blocks(items, open_binary=open_file, columns=Columns(only=["name"]))
    prepared = [prepare_block(block, rules=RULES) for block in blocks]
    refused = [refusal.reason.reason for block in prepared for refusal in block.refusals]
    assert refused == ["a variable has no proper name"] * 3


def test_alike_items_of_a_list_come_as_a_table():
    alike = [{"phone_number": "13800001234", "template_param": {"a": str(place)}} for place in range(3)]
    for items in (alike, ["13800001234", "13800001235"]):
        assert all(isinstance(block, TableBlock) for block in read_blocks(items, open_binary=open_file))
    # With a key that is no field the row itself has to say what is wrong with it.
    (block,) = read_blocks([{"phone_number": "13800001234", "name": "x"}], open_binary=open_file)
    assert isinstance(block, RowBlock)

# SPDX-License-Identifier: Apache-2.0
"""What is read by the column is what is read row by row; one row of another kind makes a file be read so."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json, parse_lines
from airflow_provider_aliyunsms.exceptions import AudienceError

CELLS = st.sampled_from(
    ["", " ", "x", "13800001234", " 13800001234", "张 三", "a\r", "\t", "'", "\u2028", "\x85"]
)
LINES = st.tuples(st.lists(CELLS, max_size=4).map(",".join), st.sampled_from(["\n", "\n", "\n", "\r\n"]))
LAST = {"phone_number": "13800009999", "name": "y", "code": "z"}


def read(content, *, name, mapping=None):
    """Return what a file gives: its rows with their lines, and the error that ends them."""
    blocks = read_blocks(name, open_binary=lambda _path: io.BytesIO(content), columns=Columns(mapping))
    rows, error = [], None
    try:
        for block in blocks:
            rows += [(row.number, row.line, dict(row.values)) for row in map(block.row, range(len(block)))]
    except AudienceError as caught:
        error = (str(caught), caught.row)
    return rows, error


def check_same(content, last, *, name):
    """Compare a file with one in which a last row that is not read by the column makes all others so, too."""
    rows, error = read(content, name=name)
    others, their_error = read(content + last, name=name)
    assert error == their_error
    if error is None:
        assert others.pop()[2] == LAST
    assert rows == others


@given(st.lists(LINES, min_size=1, max_size=6))
@example([("13800001234,x", "\n"), ("13800001234,x,y,z", "\n")])
@example([("13800001234,x,13800001234", "\n"), ("x,y,z", "\r\n"), ("", "\n")])
@example([(" 13800001234,x,y", "\n")])
def test_lines_without_quotes(lines):
    text = "phone_number,name,code\n" + "".join(map("".join, lines))
    check_same(text.encode(), b'13800009999,"y",z\n', name="a.csv")


@given(st.lists(CELLS, min_size=1, max_size=6))
def test_lines_of_one_cell(cells):
    text = "phone_number\n" + "".join(f"{cell}\n" for cell in cells)
    rows, error = read(text.encode(), name="a.csv")
    others, their_error = read(text.encode() + b'"13800009999"\n', name="a.csv")
    assert (rows, error) == (others[: len(rows)], their_error)


def test_a_cell_that_is_too_long_is_an_error_in_both_ways():
    text = f"phone_number,name,code\n13800001234,{'x' * 200_000},z\n"
    rows, error = read(text.encode(), name="a.csv")
    assert (rows, error) == read(text.encode() + b'13800009999,"y",z\n', name="a.csv")
    assert error is not None
    assert "never closed" in error[0]


OBJECTS = st.lists(
    st.sampled_from(
        [
            '{"phone_number": "13800001234", "name": "x", "code": 1}',
            '{"phone_number":"13800001234","name":"a: b","code":1.50}',
            '{"phone_number": "13800001234"}',
            '{"Phone Number": "13800001234", "phone_number": "13800001234"}',
            '{"name": "x", "phone_number": "13800001234", "code": null}',
            '{"phone_number": "13800001234", "phone_number": "13800001235"}',
            "{}",
            " ",
            '"13800001234"',
        ]
    ),
    min_size=1,
    max_size=6,
)


@given(OBJECTS)
def test_json_lines(lines):
    rows, error = read("\n".join([*lines, ""]).encode(), name="a.jsonl")
    # A row of a kind of its own: all are read one by one.
    forced, their_error = read("\n".join([*lines, '"13800009999"', ""]).encode(), name="a.jsonl")
    assert error == their_error
    if error is None:
        assert forced.pop()[2]["phone_number"] == "13800009999"
    assert [(number, line) for number, line, _ in rows] == [(number, line) for number, line, _ in forced]
    # Without the empty ones: a key that a row lacks is one, if the last row has it.
    assert [_given(values) for _, _, values in rows] == [_given(values) for _, _, values in forced]


def _given(values):
    return {name: value for name, value in values.items() if value is not None}


PIECES = st.sampled_from(
    [
        '{"a":1}', '{"a":{"b":2}}', "{", "}", "[", "]", '"a":', '"b":', '"a" :', '"c:":', ",", "1", "1.50", "NaN",
        '"x"', '"\\":"', " ", ":", "{}", "true", "1e999999",
    ]
)  # fmt: skip


@given(st.lists(st.lists(PIECES, max_size=7).map("".join), min_size=1, max_size=4))
@example(['{"a":1},{"b":2}', '{"a":{"b":1}', '{"c":2}}'])
@example(['{"a":[{"b":1}', '{"c":2}]}'])
@example(['{"a":1', '"b":2}'])
@example(['{"a" :1,"b":"\\":"}', '{"a":1,"a":2}'])
def test_lines_parsed_at_once_are_those_parsed_alone(lines):
    found = parse_lines([f"{line}\n" for line in lines])
    if found is None:
        return
    try:
        alone = [parse_json(line) for line in lines]
    except BrokenJsonError:
        pytest.fail("a line was read that is no JSON by itself")
    assert repr(found) == repr(alone)


VALUES = st.text(max_size=6) | st.integers() | st.none() | st.booleans()


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=5))
def test_usual_lines_are_parsed_at_once(rows):
    assert parse_lines([f"{json.dumps(row)}\n" for row in rows]) in (rows, None)
    plain = [{"a": str(len(row)), "b": {"c": "x: y"}} for row in rows]
    assert parse_lines([f"{json.dumps(row)}\n" for row in plain]) == plain


def test_a_list_is_read_by_the_column_where_its_items_are_alike():
    items = ["13800001234", "+86 138 0000 1235"]
    (block,) = read_blocks(items, open_binary=open)
    assert block.columns() == {"phone_number": items}
    nested = [{"phone_number": one, "template_param": {"a": one}} for one in items]
    (block,) = read_blocks(nested, open_binary=open)
    assert [block.row(place).values for place in range(2)] == nested

# SPDX-License-Identifier: Apache-2.0
"""Whatever program writes a file, the same people come out of it."""

from __future__ import annotations

import csv
import io

import openpyxl
import pandas as pd
import polars as pl
from audience_rows import read_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.rules import ChinaRules, prepare_block
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.sources.cells import NULL_VALUES

NUMBER = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
NAME = (
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
    .filter(lambda text: text not in NULL_VALUES and "\ufffd" not in text)
    # A workbook takes such a text for a formula.
    .filter(lambda text: not text.startswith(("=", "#", "_x")))
)
PEOPLE = st.lists(st.tuples(NUMBER, NAME), min_size=1, max_size=12)
QUICK = settings(max_examples=40, deadline=None)
COLUMNS = ["phone_number", "name"]


def people_of(content, *, name, **more):
    """Return number and variable of each recipient, as the China rules make them."""
    rules = ChinaRules(sign_name="x", template_param=None)
    blocks = read_blocks(name, open_binary=lambda _path: io.BytesIO(content), **more)
    found = []
    for block in blocks:
        prepared = prepare_block(block, rules=rules)
        assert not prepared.refusals, [refusal.reason.reason for refusal in prepared.refusals]
        found += [
            (number, rules.prepare(dict(block.row(place).values), flat=True).template_param["name"])
            for place, number in enumerate(prepared.numbers)
        ]
    return found


def bytes_of(write):
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


@QUICK
@given(
    PEOPLE,
    st.booleans(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_csv_of_pandas(people, with_index, delimiter, encoding):
    text = pd.DataFrame(people, columns=COLUMNS).to_csv(index=with_index, sep=delimiter)
    assert people_of(text.encode(encoding), name="a.csv") == people


@QUICK
@given(PEOPLE)
def test_numbers_of_pandas_with_a_hole(people):
    # One missing number makes floats of all the others.
    frame = pd.DataFrame({"phone_number": [*(int(number) for number, _ in people), None], "name": "x"})
    text = frame.to_csv(index=False).encode()
    rows = list(read_blocks("a.csv", open_binary=lambda _path: io.BytesIO(text)))
    prepared = prepare_block(rows[0], rules=ChinaRules(sign_name="x", template_param=None))
    for (number, _), found in zip(people, prepared.numbers, strict=False):
        assert found in (number, "")  # refused if it may have been a 32-bit float, but never another number


@QUICK
@given(PEOPLE)
def test_csv_and_parquet_of_polars(people):
    frame = pl.DataFrame(people, schema=COLUMNS, orient="row")
    assert people_of(bytes_of(frame.write_csv), name="a.csv") == people
    assert people_of(bytes_of(frame.write_parquet), name="a.parquet") == people
    assert people_of(bytes_of(frame.write_ndjson), name="a.jsonl") == people


@QUICK
@given(PEOPLE, st.booleans())
def test_parquet_and_json_of_pandas(people, filtered):
    frame = pd.DataFrame([*people, ("1", "x")], columns=COLUMNS)
    frame = frame[frame.phone_number != "1"] if filtered else frame.iloc[:-1]
    assert people_of(bytes_of(frame.to_parquet), name="a.parquet") == people
    lines = frame.to_json(orient="records", lines=True).encode()
    assert people_of(lines, name="a.jsonl") == people
    assert people_of(frame.to_json(orient="records").encode(), name="a.json") == people


@settings(max_examples=15, deadline=None)
@given(PEOPLE, st.booleans())
def test_workbooks_of_openpyxl_and_polars(people, as_numbers):
    rows = [(int(number) if as_numbers else number, name) for number, name in people]
    book = openpyxl.Workbook()
    for row in (COLUMNS, *rows):
        book.active.append(row)
    assert people_of(bytes_of(book.save), name="a.xlsx") == people
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    assert people_of(bytes_of(frame.write_excel), name="a.xlsx") == people


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
        "lineterminator": st.sampled_from(["\n", "\r\n", "\r"]),
    }
)


@QUICK
@given(PEOPLE, DIALECTS, st.sampled_from(["utf-8", "gb18030", "utf-16-le"]))
def test_csv_of_several_dialects(people, dialect, encoding):
    text = io.StringIO(newline="")
    writer = csv.writer(text, **dialect)
    writer.writerows([COLUMNS, *people])
    named = {} if encoding == "utf-8" else {"encoding": encoding}
    content = text.getvalue().encode(encoding)
    assert people_of(content, name="a.csv", **named) == people
    assert [
        row.line for row in read_rows("a.csv", open_binary=lambda _path: io.BytesIO(content), **named)
    ] == [*range(2, len(people) + 2)]

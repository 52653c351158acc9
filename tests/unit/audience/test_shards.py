# SPDX-License-Identifier: Apache-2.0
"""Every row of an audience belongs to exactly one shard, and a person to one, however the number is written."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import pairwise

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules, prepare_block
from airflow_provider_aliyunsms.audience.shards import Shard, ShardCut, hashes_of
from airflow_provider_aliyunsms.audience.sources import Columns, read_blocks, read_sql
from airflow_provider_aliyunsms.audience.spool import Spool
from airflow_provider_aliyunsms.exceptions import AudienceError

MANY = 1000


def rules_of(product):
    return (
        ChinaRules(sign_name="阿里云", template_param=None)
        if product == "china"
        else GlobeRules(message="Hello", template_param=None)
    )


SALT = "5a" * 16


def parts_of(blocks, *, of, product="china", salt=SALT):
    """Return what each shard keeps of an audience, as pairs of number and given text, and what it counts."""
    parts, cuts = [], []
    for index in range(of):
        cut, rules, kept = ShardCut(Shard(index=index, of=of, salt=salt)), rules_of(product), []
        for block in blocks:
            part = cut.part_of(prepare_block(block, rules=rules))
            kept += zip(part.numbers, part.given or part.numbers, strict=True)
        parts.append(kept)
        cuts.append(cut)
    return parts, cuts


def blocks_of(rows, *, product="china"):
    return [*read_blocks(rows, open_binary=open, number_field="phone_number" if product == "china" else "to")]


def spellings(number):
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    grouped = f"{number[:3]} {number[3:7]}-{number[7:]}"
    return st.sampled_from(
        [
            number,
            f"+86{number}",
            f"0086 {grouped}",
            f"86{number}",
            grouped,
            number.translate(wide),
            f"'{number}",
            f'="{number}"',
            f"\u200b{number}\xa0",
            f"{number}.0",
        ]
    )


NUMBERS = st.integers(0, 9999).map(lambda tail: f"1380001{tail:04d}")
ROWS = st.lists(
    st.one_of(
        NUMBERS.flatmap(spellings), st.text(max_size=12), st.from_regex(r"\+852[0-9]{8}", fullmatch=True)
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("of", range(1, 65))
def test_every_row_is_in_exactly_one_shard(of):
    @settings(max_examples=6, deadline=None)
    @given(ROWS)
    def check(rows):
        blocks = blocks_of([{"phone_number": row} for row in rows])
        parts, cuts = parts_of(blocks, of=of)
        whole, (all_of_it,) = parts_of(blocks, of=1)
        assert sorted(row for part in parts for row in part) == sorted(whole[0])
        assert {(cut.rows, cut.good) for cut in cuts} == {(len(rows), all_of_it.good)}
        assert len({cut.figures()["checksum"] for cut in cuts}) == 1

    check()


@settings(deadline=None)
@given(st.data(), st.integers(1, 64))
def test_all_spellings_of_a_number_are_in_one_shard(data, of):
    number = data.draw(NUMBERS)
    rows = data.draw(st.lists(spellings(number), min_size=2, max_size=8))
    parts, _ = parts_of(blocks_of([{"phone_number": row} for row in rows]), of=of)
    assert sorted(map(len, parts)) == [0] * (of - 1) + [len(rows)]


@pytest.mark.parametrize("of", [2, 7, 64])
def test_numbers_abroad_are_known_in_every_spelling_too(of):
    rows = [
        "+44 7911 123456",
        "0044 7911123456",
        "44 (0)7911 123456",
        "+447911123456",
        " ４４７９１１１２３４５６",
    ]
    parts, _ = parts_of(blocks_of([{"to": row} for row in rows], product="globe"), of=of, product="globe")
    assert sorted(map(len, parts)) == [0] * (of - 1) + [5]
    china = [{"phone_number": "9123 4567", "phone_region": "HK"}, {"phone_number": "+852 91234567"}]
    parts, _ = parts_of(blocks_of(china), of=of)
    assert sorted(map(len, parts)) == [0] * (of - 1) + [2]


@settings(deadline=None)
@given(st.randoms(), st.integers(1, 64))
def test_order_and_growth_move_nobody(random, of):
    people = [f"1380002{tail:04d}" for tail in random.sample(range(10000), 40)]
    before, _ = parts_of(blocks_of([{"phone_number": each} for each in people[:25]]), of=of)
    random.shuffle(people)
    after, _ = parts_of(blocks_of([{"phone_number": each} for each in people]), of=of)
    for small, large in zip(before, after, strict=True):
        assert set(small) <= set(large)


def test_the_shards_of_numbers_do_not_change_between_versions():
    """Other ones would send running campaigns to everybody who moves: then CUT_BY has to change, too."""
    assert hashes_of(["13800001234", "447911123456", "", "n/a"]) == HASHES
    assert [each % 4 for each in hashes_of(["13800001234", "13800001235", "13800001236"])] == SHARDS


HASHES = (1143899181833964774, 7474760113948645171, 2254800877874637002, 7595265770508000125)
SHARDS = [2, 0, 2]


def test_shards_are_about_equal():
    counts = [0] * 8
    for each in hashes_of([f"138{tail:08d}" for tail in range(8 * MANY)]):
        counts[each % 8] += 1
    assert min(counts) > 0.9 * MANY
    assert max(counts) < 1.1 * MANY


def test_rejected_rows_are_shared_out_too():
    parts, _ = parts_of(blocks_of([{"phone_number": f"n/a {row}"} for row in range(400)]), of=4)
    assert all(50 < len(part) < 150 for part in parts)


def checksum_of(rows, *, salt=SALT):
    _, (cut,) = parts_of(blocks_of([{"phone_number": row} for row in rows]), of=1, salt=salt)
    return cut.figures()["checksum"]


def test_the_checksum_tells_other_people_and_not_another_order():
    people = [f"1380003{tail:04d}" for tail in range(50)]
    assert checksum_of(people) == checksum_of([*reversed(people[1:]), "+86 1380003 0000"])
    assert checksum_of(people) != checksum_of([*people[1:], "13800039999"])
    several_blocks = [f"1380003{tail:04d}" for tail in range(2500)]
    assert checksum_of(several_blocks) == checksum_of([*reversed(several_blocks)])


def test_the_checksum_does_not_tell_a_single_person():
    """Without the salt, neither one number nor the difference of two files can be compared with all numbers."""
    people = [f"1380003{tail:04d}" for tail in range(20)]
    files = [people[:count] for count in range(1, 21)]
    mine, others = ([checksum_of(each, salt=salt) for each in files] for salt in (SALT, "5b" * 16))
    assert not set(mine) & set(others)
    assert len({*mine, *others}) == 40
    differences = [int(after, 16) - int(before, 16) for before, after in pairwise(mine)]
    hashes = hashes_of(people)
    assert not {each % (1 << 64) for each in (*differences, *(int(one, 16) for one in mine))} & {*hashes}
    assert checksum_of(people, salt="") == "", "a rehearsal has no salt, and leaves it out"
    assert SALT not in repr(Shard(index=0, of=1, salt=SALT))


def test_the_salt_moves_nobody():
    rows = [{"phone_number": f"1380003{tail:04d}"} for tail in range(50)]
    assert parts_of(blocks_of(rows), of=4)[0] == parts_of(blocks_of(rows), of=4, salt="other")[0]


# ---- every kind of source, through the spool

PEOPLE = [f"1380004{tail:04d}" for tail in range(30)]
CELLS = [*PEOPLE, "+86 138 0004 0001", "12345", "n/a"]


def csv():
    return "people.csv", "phone_number,name\n" + "".join(f"{cell},x\n" for cell in CELLS)


def jsonl():
    return "people.jsonl", "".join(json.dumps({"phone_number": cell, "name": "x"}) + "\n" for cell in CELLS)


def parquet():
    made = io.BytesIO()
    pq.write_table(pa.table({"phone_number": CELLS, "name": ["x"] * len(CELLS)}), made, row_group_size=7)
    return "people.parquet", made.getvalue()


def xlsx():
    book, made = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["phone_number", "name"])
    for cell in CELLS:
        book.active.append([cell, "x"])
    book.save(made)
    return "people.xlsx", made.getvalue()


class Cursor:
    def __init__(self):
        self.description = [["phone_number"], ["name"]]
        self._rows = [(cell, "x") for cell in CELLS]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def fetchmany(self, size):
        found, self._rows = self._rows[:size], self._rows[size:]
        return found


def file_blocks(make, folder):
    name, content = make()
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_blocks(str(path), open_binary=lambda place: open(place, "rb"))  # noqa: PTH123


def loaded(blocks, shard):
    cut = ShardCut(shard)
    spool = Spool()
    spool.load(
        blocks,
        rules=rules_of("china"),
        keys_of=lambda numbers, contents: recipient_keys(
            campaign_id="spring", numbers=numbers, contents=contents, dedupe="content"
        ),
        shard=cut,
    )
    return spool, cut


@pytest.mark.parametrize(
    "make", [csv, jsonl, parquet, xlsx, None], ids=["csv", "jsonl", "parquet", "xlsx", "sql"]
)
def test_the_shards_of_every_source_add_up_to_it(make, tmp_path):
    numbers, total, errors, rejected = [], 0, {}, []
    for index in range(3):
        blocks = (
            file_blocks(make, tmp_path)
            if make
            else read_sql(Cursor, number_field="phone_number", columns=Columns())
        )
        spool, cut = loaded(blocks, Shard(index=index, of=3))
        with spool:
            total += spool.total
            assert cut.rows == len(CELLS)
            numbers += [recipient.number for members in spool.members() for _, recipient in members]
            for code, count in spool.local_errors().items():
                errors[code] = errors.get(code, 0) + count
            rejected += [(each.row, each.reason) for each in spool.first_rejections(10)]
    assert total == len(CELLS)
    assert sorted(numbers) == PEOPLE
    assert errors == {"local.DUPLICATE": 1, "local.INVALID_NUMBER": 2}
    assert sorted(row for row, _ in rejected) == [32, 33], "a row keeps its number in the source"


def test_what_only_the_whole_shows_stops_every_shard():
    """Cut first, a few numbers that lost digits would no longer be seen as what they are."""
    lost = [float(13800001536 + 1024 * step) for step in range(6)]
    rows = [{"phone_number": str(number).removesuffix(".0")} for number in lost]
    for index in range(6):
        with pytest.raises(AudienceError, match="32-bit floats"):
            loaded(iter(blocks_of(rows)), Shard(index=index, of=6))
    other_variables = [
        {"phone_number": number, "template_param": {"a" if number == PEOPLE[7] else "b": "x"}}
        for number in PEOPLE
    ]
    for index in range(6):
        with pytest.raises(AudienceError):
            loaded(iter(blocks_of(other_variables)), Shard(index=index, of=6))


def test_positions_of_rejected_rows_are_those_of_the_part():
    block = blocks_of([{"phone_number": cell} for cell in ["n/a", PEOPLE[0], "x", PEOPLE[1], "y", "z"]])[0]
    prepared = prepare_block(block, rules=rules_of("china"))
    for index in range(2):
        part = ShardCut(Shard(index=index, of=2)).part_of(replace(prepared))
        for refusal in part.refusals:
            assert part.numbers[refusal.position] == ""
            assert part.given[refusal.position] == ["n/a", "", "x", "", "y", "z"][refusal.row - 1]

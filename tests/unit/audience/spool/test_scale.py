# SPDX-License-Identifier: Apache-2.0
"""What a spool does differently for large audiences, with the limits made small."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience import rows
from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.audience.spool import pages, states
from airflow_provider_aliyunsms.audience.spool import spool as spool_module
from airflow_provider_aliyunsms.audience.spool.pages import MOST_ROWS
from airflow_provider_aliyunsms.audience.spool.spool import Settlement, Spool

KEYS_OF = partial(recipient_keys, campaign_id="c", dedupe="content")
RULES = ChinaRules(sign_name="签名", template_param=None)
TIME = "2026-01-01T00:00:00Z"


@pytest.fixture(autouse=True, scope="module")
def _small_limits():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK", 3)
        patch.setattr(pages, "_GATHERED", 4)
        patch.setattr(pages, "MOST_TWINS", 2)
        patch.setattr(states, "PAGES_IN_MEMORY", 2)
        yield


def loaded(numbers, rules=RULES):
    spool = Spool()
    spool.load(
        read_blocks(numbers, open_binary=open),
        rules=rules,
        keys_of=lambda numbers, contents: KEYS_OF(numbers=numbers, contents=contents),
    )
    return spool


def outcomes(spool):
    return [(number, run.outcome, run.code) for run in spool.receipts() for number in run.numbers]


NUMBERS = st.lists(
    st.sampled_from([*(f"1380000{n:04d}" for n in range(8)), "+86 138 0000 0003", "rubbish"]), max_size=40
)


@given(numbers=NUMBERS)
def test_the_first_of_twins_is_kept_wherever_the_others_stand(numbers):
    seen = set()
    expected = []
    for number in numbers:
        canonical = number.replace("+86", "").replace(" ", "")
        if number == "rubbish":
            expected.append((number, "rejected", "local.INVALID_NUMBER"))
        elif canonical in seen:
            expected.append((number, "skipped", "local.DUPLICATE"))
        else:
            expected.append((canonical, "pending", None))
        seen.add(canonical)
    with loaded(numbers) as spool:
        assert outcomes(spool) == expected
        assert spool.ready == len(seen - {"rubbish"})
        assert [number for page in spool.unsettled(batch=2) for number in page.numbers] == [
            number for number, outcome, _ in expected if outcome == "pending"
        ]
        assert spool.local_errors() == Counter(code for _, _, code in expected if code)


@given(
    texts=st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=20), hashes=st.integers(1, 3)
)
def test_repeated_numbers_are_counted_though_others_share_their_hash(texts, hashes):
    rows = [{"phone_number": f"1380000000{n}", "template_param": {"x": text}} for n, text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "hash", lambda number: int(number) % hashes, raising=False)
        with loaded(rows, ChinaRules(sign_name="签名", template_param=None)) as spool:
            numbers = Counter(number for number, _ in {*texts})
            assert spool.repeated_numbers == sum(count > 1 for count in numbers.values())
            assert spool.repeated_rows == sum(count - 1 for count in numbers.values())
            assert spool.ready == len({*texts})


@given(data=st.data(), size=st.integers(1, 25))
def test_outcomes_outlive_the_pages_in_memory(data, size):
    numbers = [f"1380000{n:04d}" for n in range(size)]
    expected = dict.fromkeys(numbers, ("pending", None))
    with loaded(numbers) as spool:
        key_of = {
            number: key
            for page in spool.unsettled(batch=4)
            for key, number in zip(page.keys, page.numbers, strict=True)
        }
        for _ in range(data.draw(st.integers(0, 8))):
            chosen = data.draw(st.lists(st.sampled_from(numbers), unique=True, min_size=1))
            word = data.draw(st.sampled_from(["accepted", "rejected", "unknown", "pending"]))
            keys = [key_of[number] for number in chosen]
            if word == "pending":
                assert spool.reopen([*keys, 1]) == len(keys)
            else:
                ids = [f"m{number}" for number in chosen]
                one = Settlement(keys, word, None, ids if word == "accepted" else None)
                assert spool.settle(out_id="o", biz_id=None, time=TIME, settlements=[one]) == len(keys)
            expected |= {number: (word, f"m{number}" if word == "accepted" else None) for number in chosen}
        found = {
            number: (run.outcome, message_id)
            for run in spool.receipts()
            for number, message_id in zip(run.numbers, run.message_ids or [None] * len(run), strict=True)
        }
        assert found == expected
        counts = Counter(word for word, _ in expected.values())
        assert {word: getattr(spool.counts(), word) for word in counts} == counts
        assert set(spool.find([*key_of.values(), 1])) == set(key_of.values())


def test_a_block_with_more_rows_than_a_page_has_places_is_refused():
    same = [rows.Row(number=1, values={"phone_number": "x"}, flat=False)] * (MOST_ROWS + 1)
    with Spool() as spool, pytest.raises(RuntimeError, match="at most"):
        spool.load([rows.RowBlock(same)], rules=RULES, keys_of=lambda numbers, contents: ())

# SPDX-License-Identifier: Apache-2.0
"""An audience is cut into calls: nobody is left out, nobody comes twice, and nobody shares a call with himself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
from airflow_provider_aliyunsms.campaign.chunks import cut, make_chunk, parts

MEMBERS = st.lists(
    st.tuples(st.sampled_from([f"1380000000{i}" for i in range(6)]), st.sampled_from(["", "12"])), max_size=60
).map(
    lambda rows: [
        (
            key,
            Recipient(number=number, sign_name="s", template_param={"n": str(key)}, sms_up_extend_code=code),
        )
        for key, (number, code) in enumerate(rows)
    ]
)


@given(members=MEMBERS, size=st.integers(1, 9), batch=st.integers(1, 20))
def test_everybody_is_in_exactly_one_chunk(members, size, batch):
    batches = [Members.of(members[start : start + batch]) for start in range(0, len(members), batch)]
    chunks = list(cut(campaign="c", batches=batches, size=size))
    assert sorted(key for chunk in chunks for key in chunk.keys) == [key for key, _ in members]
    for chunk in chunks:
        numbers = [recipient.number for recipient in chunk.recipients]
        assert 1 <= len(numbers) <= size
        assert len(set(numbers)) == len(numbers)
        assert len({bool(recipient.sms_up_extend_code) for recipient in chunk.recipients}) == 1
        assert [members[key][1] for key in chunk.keys] == list(chunk.recipients)


@given(count=st.integers(0, 500), size=st.integers(1, 100))
def test_chunks_are_full_but_for_the_last(count, size):
    members = [(key, Recipient(number=f"138{key:08d}")) for key in range(count)]
    lengths = [len(chunk) for chunk in cut(campaign="c", batches=[Members.of(members)], size=size)]
    assert lengths == [size] * (count // size) + ([count % size] if count % size else [])


def test_the_same_chunk_always_has_the_same_out_id():
    members = Members.of([(key, Recipient(number=f"138{key:08d}")) for key in range(10)])
    chunk = make_chunk(campaign="c", members=members)
    assert chunk.out_id == make_chunk(campaign="c", members=members).out_id
    others = {
        make_chunk(campaign="d", members=members).out_id,
        make_chunk(campaign="c", members=Members.of([*members][::-1])).out_id,
        *(part.out_id for part in parts(campaign="c", members=members)),
    }
    assert len(others | {chunk.out_id}) == 13
    assert all(out_id.isascii() and len(out_id) <= 32 for out_id in others)

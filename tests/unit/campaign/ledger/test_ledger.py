# SPDX-License-Identifier: Apache-2.0
"""What is missing, damaged, lied about or changed in a ledger: nothing is taken for "nothing was sent"."""

from __future__ import annotations

import json

import pytest
from world import Crash, World

from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
from airflow_provider_aliyunsms.campaign.chunks import make_chunk
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, MemoryStore, Occasion, PathStore
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError, LedgerMissingError

PEOPLE = [f"138000000{i:02d}" for i in range(40)]
HEAD = "aliyun_sms.head"
SUMMARY = "aliyun_sms.g1.summary"
SECOND, THIRD = "aliyun_sms.g1.w000002", "aliyun_sms.g1.w000003"


def window(number):
    return f"aliyun_sms.g1.w{number:06d}"


@pytest.fixture
def world():
    """Give a campaign of eight windows that has ended well."""
    world = World()
    world.run(PEOPLE, max_concurrency=1)
    assert window(8) in world.store.values
    return world


def retry(world, **changes):
    return world.retry(PEOPLE, **changes).summary


def refuses(world, *, match, **changes):
    """Expect the next try to name what is wrong and to send nothing."""
    before = world.gateway.submissions
    with pytest.raises(LedgerError, match=match) as raised:
        retry(world, **changes)
    assert world.gateway.submissions == before
    assert "Nothing was sent now" in raised.value.advice
    return raised.value


# ---- what is missing


@pytest.mark.parametrize("gone", [[1], [4], [8], [7, 8], [*range(1, 9)]], ids=str)
@pytest.mark.parametrize("summary", [True, False], ids=["with summary", "without"])
def test_a_window_that_the_head_counts_and_nobody_has_stops_the_try(world, gone, summary):
    for number in gone:
        del world.store.values[window(number)]
    if not summary:
        del world.store.values[SUMMARY]
    refuses(world, match=f"{window(gone[0])} is missing, although it was counted")


def counted(world):
    """Return how many windows the store says there are."""
    values = [json.loads(text) for text in world.store.values.values()]
    return max(max(value.get("windows", 0), value.get("w", 0)) for value in values)


def test_windows_are_counted_before_their_calls_are_made_and_mostly_by_windows_that_are_written_anyway():
    world, ahead, writes = World(), [], []
    submit = world.gateway.submit

    def checked(chunk, envelope):
        numbers = {
            int(key[-6:])
            for key, text in world.store.values.items()
            if ".w" in key and any(entry["o"] == chunk.out_id for entry in json.loads(text)["c"])
        }
        ahead.append(counted(world) - max(numbers))
        return submit(chunk, envelope)

    world.gateway.submit = checked
    people = [f"1380000{place:04d}" for place in range(400)]
    world.gateway.poison = None
    world.slow_store(seconds=0.1, calls=2)
    meanwhile = world.store.meanwhile
    world.store.meanwhile = lambda key: (writes.append(key), meanwhile(key))
    assert world.run(people, chunk_size=1, max_concurrency=4).summary["accepted"] == 400
    assert min(ahead) >= 0
    assert writes.count(HEAD) < counted(world) / 2


@pytest.mark.parametrize("left", [[window(1)], [SUMMARY], [window(1), window(2), SUMMARY]], ids=str)
@pytest.mark.parametrize("first_try", [True, False])
def test_parts_without_a_head_are_no_beginning(world, left, first_try):
    """Also for what Airflow takes for a first try: the storage knows better."""
    world.store.values = {key: world.store.values[key] for key in left}
    before = world.gateway.submissions
    with pytest.raises(LedgerError, match=f"{HEAD} is missing"):
        world.run(PEOPLE, first_try=first_try)
    assert world.gateway.submissions == before


def without_counts(world):
    """Take the counts out, as earlier versions wrote no such."""
    for key, text in world.store.values.items():
        value = json.loads(text)
        value.pop("windows" if key == HEAD else "w", None)
        world.store.values[key] = json.dumps(value)


def test_a_hole_in_a_ledger_that_counts_no_windows_is_found_by_what_is_behind_it(world):
    without_counts(world)
    assert retry(world)["accepted"] == 40
    without_counts(world)
    del world.store.values[SECOND]
    refuses(world, match=f"{SECOND} is missing, later ones are there")


def test_the_number_of_a_window_that_nobody_counted_is_not_used_again(world):
    """The process died between the window and the head: the window is read and counted by the next one."""
    head = json.loads(world.store.values[HEAD]) | {"windows": 7}
    world.store.values[HEAD] = json.dumps(head)
    kept = world.store.values[window(8)]
    world.run([*PEOPLE, "13800009998"], first_try=False)
    assert world.store.values[window(8)] == kept
    assert world.gateway.accepted["13800009998"] == 1
    assert set(world.gateway.accepted.values()) == {1}
    assert json.loads(world.store.values[HEAD])["windows"] == 9


@pytest.mark.parametrize("which", range(12))
def test_a_read_that_finds_nothing_once_is_asked_again(world, which):
    world.store.lies_in = which
    before = world.gateway.submissions
    assert retry(world)["accepted"] == 40
    assert world.gateway.submissions == before


# ---- what is damaged


@pytest.mark.parametrize("value", ["[]", '"x"', "7", "{}", '{"campaign_id": "campaign", "generation": -1}'])
def test_a_damaged_head_is_named(world, value):
    world.store.values[HEAD] = value
    refuses(world, match=f"{HEAD} is damaged")


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: [],
        lambda value: {**value, "v": "two"},
        lambda value: {**value, "i": 4},
        lambda value: {**value, "c": [{**value["c"][0], "k": "AAAA"}]},
        lambda value: {**value, "c": [{**value["c"][0], "r": "accepted?"}]},
        lambda value: {**value, "c": 3},
        lambda value: {name: part for name, part in value.items() if name != "s"},
    ],
)
def test_a_damaged_window_is_named(world, damage):
    world.store.values[THIRD] = json.dumps(damage(json.loads(world.store.values[THIRD])))
    refuses(world, match=f"{THIRD} is damaged")


def test_a_file_of_a_window_that_is_cut_short_is_named(tmp_path):
    store = PathStore(root=tmp_path, campaign_id="spring")
    begun(store).write_intents([chunk(1)])
    (file,) = tmp_path.rglob("*.w000001.json")
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(LedgerError, match=rf"{file.stem} is damaged") as raised:
        begun(PathStore(root=tmp_path, campaign_id="spring"), first_try=False)
    assert "Nothing was sent now" in raised.value.advice


# ---- what has changed


@pytest.mark.parametrize(("before", "after"), [("content", "phone"), ("phone", "content")])
def test_the_head_remembers_dedupe_and_a_change_stops_before_the_first_call(world, before, after):
    world = World()
    world.run(PEOPLE, dedupe=before)
    assert json.loads(world.store.values[HEAD])["dedupe"] == before
    error = refuses(world, match=f"begun with dedupe='{before}', and now has dedupe='{after}'", dedupe=after)
    assert isinstance(error, LedgerConflictError)
    assert retry(world, dedupe=before)["accepted"] == 40


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [
        ([], [], True),
        ([], [b"new"], True),
        ([b"old"], [b"old"], True),
        ([b"old"], [b"new", b"old"], True),
        ([b"old"], [b"new"], False),
        ([b"old"], [], False),
    ],
)
def test_a_secret_that_is_rotated_is_kept_behind_the_new_one(before, after, opens):
    """Without the one that its hashes were made with, a ledger would know nobody."""
    store = MemoryStore()
    first = begun(store, secrets_known=before)
    first.write_intents([chunk(1)])
    keys = first.keys.numbers(["13800000001"])
    if opens:
        assert begun(store, secrets_known=after, first_try=False).keys.numbers(["13800000001"]) == keys
        return
    with pytest.raises(LedgerConflictError, match="secret") as raised:
        begun(store, secrets_known=after, first_try=False)
    assert "Fernet key" in raised.value.advice
    assert "ledger_secret" in raised.value.advice


def test_two_secrets_know_a_number_by_different_hashes_and_the_head_holds_neither():
    stores = MemoryStore(), MemoryStore()
    keys = {
        begun(store, secrets_known=[name]).keys.numbers(["13800000001"])
        for store, name in zip(stores, (b"one", b"two"), strict=True)
    }
    assert len(keys) == 2
    assert not any(b"one" in json.dumps(store.get(HEAD)).encode() for store in stores)


# ---- occasions


def test_a_resend_is_made_once_for_each_occasion_ever(world):
    """An occasion that comes back, such as a worker's retry that was delayed, is not a new one."""
    accepted = []
    for clear in (1, 2, 1, 2, 0):
        world.clears = clear
        retry(world, resend=True)
        accepted.append(max(world.gateway.accepted.values()))
    # Occasion 0 is that of the first sending.
    assert accepted == [2, 3, 3, 3, 3]


def test_an_occasion_that_an_earlier_version_named_is_known():
    store = MemoryStore()
    begun(store, name="run:0").write_intents([chunk(1)])
    ledger = open_ledger(store)
    opening = ledger.open(occasion=Occasion(name="run#3", also=("run:0",), first_try=False), resend=True)
    assert opening.resumed


# ---- the first seconds


def test_a_try_that_died_before_its_first_record_is_followed_by_one_that_goes_on(caplog):
    world = World()
    assert world.run(PEOPLE, first_try=False, untouched=True).summary["accepted"] == 40
    assert "so it sent nothing: this try goes on" in caplog.text


def test_with_a_path_the_claim_of_the_first_try_tells_that_it_sent_nothing(tmp_path, caplog):
    """The head is written after the claim and before anything can leave."""
    store = PathStore(root=tmp_path, campaign_id="spring")
    store.create("aliyun_sms.e000001.claim", {"owner": "died", "first": True})
    begun(PathStore(root=tmp_path, campaign_id="spring"), first_try=False)
    assert "so it sent nothing: this try goes on" in caplog.text


@pytest.mark.parametrize(
    ("cleared", "says"),
    [(True, "was cleared"), (False, "was not cleared")],
)
def test_a_refusal_for_want_of_a_ledger_says_what_happened_and_what_to_do(cleared, says):
    store = MemoryStore()
    with pytest.raises(LedgerMissingError, match=says) as raised:
        open_ledger(store).open(occasion=Occasion(name="run#1", first_try=False, cleared=cleared))
    assert "SMS console" in raised.value.advice
    assert "resend=True" in raised.value.advice
    assert store.get(HEAD) is None


def chunk(*keys):
    recipients = [Recipient(number=f"1380000{key:04d}") for key in keys]
    return make_chunk(campaign="spring", members=Members.of(list(zip(keys, recipients, strict=True))))


def open_ledger(store, *, secrets_known=()):
    return Ledger(
        store=store,
        campaign_id="spring",
        fenced=isinstance(store, PathStore),
        clock=Clock(),
        secrets_known=secrets_known,
    )


def begun(store, *, secrets_known=(), first_try=True, name="run#0"):
    """Open a ledger and read it, as a try does before it sends."""
    ledger = open_ledger(store, secrets_known=secrets_known)
    ledger.open(occasion=Occasion(name=name, first_try=first_try))
    list(ledger.windows())
    return ledger


def test_with_one_call_at_a_time_no_more_than_one_chunk_is_ever_open():
    """Where nothing can be looked up, each open chunk may end as unknown."""
    world, most = World(can_look_up=False), [0]

    def count(key):
        windows = [json.loads(text) for name, text in world.store.values.items() if ".w" in name]
        most.append(sum("r" not in entry for window in windows for entry in window["c"]))

    world.store.meanwhile = count
    assert world.run(PEOPLE, chunk_size=5, max_concurrency=1).summary["accepted"] == 40
    assert max(most) == 1


# ---- a window that nobody counted before its process died


def between_window_and_head(*, can_look_up):
    """Return a world whose first try died after the intents of its only window, before they were counted."""
    world = World(can_look_up=can_look_up)
    # Three writes: the head, the window, and the count that is not written any more.
    world.store.new_process(crash_in=2)
    with pytest.raises(Crash):
        world.run(PEOPLE[:10], chunk_size=10)
    assert set(world.store.values) == {HEAD, window(1)}
    assert not world.gateway.accepted
    return world


def test_a_window_that_was_only_replayed_is_counted_as_well():
    """A replay is a call too: without its window everybody would be sent to again."""
    world = between_window_and_head(can_look_up=False)
    assert world.retry(PEOPLE[:10], chunk_size=10).summary["accepted"] == 10
    assert counted(world) == 1
    del world.store.values[window(1)]
    del world.store.values[SUMMARY]
    world.clears += 1
    refuses(world, match=f"{window(1)} is missing, although it was counted")


def test_the_secret_of_a_window_that_nobody_counted_is_asked_for():
    store = MemoryStore()
    begun(store, secrets_known=[b"old"])
    ledger = begun(store, secrets_known=[b"old"], first_try=False)
    head = store.get(HEAD)
    ledger.write_intents([chunk(1)])
    store.set(HEAD, head)
    with pytest.raises(LedgerConflictError, match="secret"):
        begun(store, secrets_known=[b"new"], first_try=False)


def test_an_epoch_that_was_only_read_is_missed_when_its_mark_is_lost(tmp_path):
    """Its try may have replayed what the epoch before shows as open."""
    store = PathStore(root=tmp_path, campaign_id="spring")
    begun(store).write_intents([chunk(1)])
    begun(store, first_try=False)
    (mark,) = tmp_path.rglob("*e000002.ready*")
    mark.unlink()
    with pytest.raises(LedgerError, match="a part of the ledger is missing"):
        begun(store, first_try=False)


def test_an_audience_that_is_empty_later_is_no_skip_after_a_window_that_nobody_counted():
    world = between_window_and_head(can_look_up=False)
    assert world.retry([], chunk_size=10).summary["total"] == 10

# SPDX-License-Identifier: Apache-2.0
"""A number that a carrier blocks is kept once, for the guard that sends nothing to it."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumbers
from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate, Tracked
from airflow_provider_aliyunsms.delivery.campaigns import watched
from airflow_provider_aliyunsms.delivery.opt_outs import OptOuts
from airflow_provider_aliyunsms.delivery.watch import Watch

PEOPLE = [f"1380000{number:04d}" for number in range(5)]


def learned(folder):
    return sorted(
        line
        for path in LearnedNumbers(folder).paths()
        for line in open(path).read().splitlines()[1:]  # noqa: PTH123
    )


def watch_into(kit, carrier, folder):
    opt_outs = OptOuts(LearnedNumbers(folder))
    campaigns = watched(kit.xcom([kit.receipt(each) for each in PEOPLE]))
    poller = kit.poller_for(campaigns, carrier, on_settled=opt_outs.note)
    return Watch(campaigns=campaigns, poller=poller, rules=kit.rules(), opt_outs=opt_outs)


def test_who_opted_out_is_kept_after_the_round_in_which_it_shows(kit, carrier, tmp_path):
    watch = watch_into(kit, carrier, tmp_path / "learned")
    carrier.fates |= {
        PEOPLE[0]: "MOBILE_IN_BLACK",
        PEOPLE[1]: "DELIVERED",
        PEOPLE[2]: "MOBILE_NOT_ON_SERVICE",
    }
    watch.look(now=lambda: kit.FINISHED_AT)
    assert learned(tmp_path / "learned") == [f"+86{PEOPLE[0]},MOBILE_IN_BLACK"]
    carrier.fates[PEOPLE[3]] = "USER_REJECT"
    watch.look(now=lambda: kit.FINISHED_AT + 60)
    assert learned(tmp_path / "learned") == [f"+86{PEOPLE[0]},MOBILE_IN_BLACK", f"+86{PEOPLE[3]},USER_REJECT"]


def test_a_watch_that_asks_everybody_anew_writes_the_same_file_again(kit, carrier, tmp_path):
    carrier.fates |= dict.fromkeys(PEOPLE, "MOBILE_IN_BLACK")
    for _ in range(2):
        watch_into(kit, carrier, tmp_path).look(now=lambda: kit.FINISHED_AT)
    assert len(LearnedNumbers(tmp_path).paths()) == 1


def test_a_folder_that_cannot_be_written_is_tried_again_and_does_not_end_the_watch(
    kit, carrier, tmp_path, caplog
):
    folder = tmp_path / "learned"
    folder.write_text("a file has its name")
    watch = watch_into(kit, carrier, folder)
    carrier.fates[PEOPLE[0]] = "MOBILE_IN_BLACK"
    watch.look(now=lambda: kit.FINISHED_AT)
    assert "1 numbers that carriers block were not kept" in caplog.text
    assert "1380000" not in caplog.text
    folder.unlink()
    watch.look(now=lambda: kit.FINISHED_AT + 60)
    assert learned(folder) == [f"+86{PEOPLE[0]},MOBILE_IN_BLACK"]


@pytest.mark.parametrize(
    ("api", "number"), [("SendBatchSms", "13800000001"), ("BatchSendMessageToGlobe", "8613800000001")]
)
def test_the_number_is_the_same_whatever_the_api_calls_it(tmp_path, api, number):
    opt_outs = OptOuts(LearnedNumbers(tmp_path))
    message = Tracked(number=number, out_id="o", biz_id=None, message_id=None, accepted_at=0.0)
    opt_outs.note(message=message, delivery=Delivery(Fate.FAILED, "MOBILE_IN_BLACK"), api=api)
    assert opt_outs.write()
    assert learned(tmp_path) == ["+8613800000001,MOBILE_IN_BLACK"]


def test_a_folder_that_cannot_be_written_is_not_tried_with_every_number(tmp_path, monkeypatch):
    """Each try may take as long as a storage takes to give up."""
    from airflow_provider_aliyunsms.delivery import opt_outs as module

    monkeypatch.setattr(module, "MOST_WAITING", 10)
    folder = tmp_path / "learned"
    folder.write_text("a file has its name")
    tries = []

    class Folder(LearnedNumbers):
        def add(self, found):
            tries.append(len(found))
            return super().add(found)

    opt_outs = OptOuts(Folder(folder))
    for number in range(35):
        message = Tracked(
            number=f"1380000{number:04d}", out_id="o", biz_id=None, message_id=None, accepted_at=0.0
        )
        opt_outs.note(message=message, delivery=Delivery(Fate.FAILED, "MOBILE_IN_BLACK"), api="SendBatchSms")
    assert tries == [10, 20, 30]
    folder.unlink()
    assert opt_outs.write()
    assert len(learned(folder)) == 35

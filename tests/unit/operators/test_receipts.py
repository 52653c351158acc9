# SPDX-License-Identifier: Apache-2.0
"""The place of the receipts is tried out before the first call, and a failure after it says what was sent."""

from __future__ import annotations

from socket import gethostname

import pytest

from airflow_provider_aliyunsms.campaign.receipts import Receipts
from airflow_provider_aliyunsms.exceptions import ConfigurationError, ReceiptsError
from airflow_provider_aliyunsms.operators.receipts import ReceiptKeeper
from airflow_provider_aliyunsms.products import CHINA


def keeper(path, **facts):
    return ReceiptKeeper(campaign_id="spring", receipts_path=str(path), **facts)


def receipts():
    return Receipts(runs=[], product=CHINA, at="2026-01-02T03:04:05Z")


@pytest.mark.parametrize("path", ["file/r.csv", "file/", "folder.csv", "/proc/nowhere/r.csv"])
def test_a_place_that_cannot_be_written_is_found_before_the_first_call(tmp_path, path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigurationError, match="receipts_path") as caught:
        keeper(path if path.startswith("/") else f"{tmp_path}/{path}")
    assert "Nothing was sent" in caught.value.advice


def test_a_missing_folder_is_made(tmp_path):
    made = keeper(tmp_path / "not" / "there" / "r.csv")
    where = {"receipts_path": str(tmp_path / "not" / "there" / "r.csv"), "receipts_host": gethostname()}
    assert made(receipts(), 0) == where


def test_one_file_for_two_mapped_tasks_is_refused(tmp_path):
    keeper(tmp_path / "r.csv", run_id="today", map_index=0)
    with pytest.raises(ConfigurationError, match="two mapped tasks"):
        keeper(tmp_path / "r.csv", run_id="today", map_index=1)
    keeper(tmp_path / "r.csv", run_id="today", map_index=0)


def test_a_place_that_is_lost_while_sending_says_that_everybody_was_served(tmp_path):
    folder = tmp_path / "receipts"
    made = keeper(folder / "r.csv")
    folder.rmdir()
    folder.write_text("in the way", encoding="utf-8")
    with pytest.raises(ReceiptsError, match="receipts cannot be written") as caught:
        made(receipts(), 200)
    assert "Everybody was served" in caught.value.advice
    assert "sends nothing" in caught.value.advice

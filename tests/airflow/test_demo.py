# SPDX-License-Identifier: Apache-2.0
"""The demo as a newcomer runs it, and what it must notice when the numbers do not add up."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "dags_examples" / "demo"


def start_demo(tmp_path):
    """Run it where everything it leaves behind can be seen."""
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return subprocess.Popen(
        [sys.executable, str(DEMO / "run.py")],
        env={**environment, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(tmp_path):
    """Find what was started by a demo under this folder: all of it has the folder in its environment."""
    wanted = str(tmp_path).encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and wanted in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def numbers(table, name):
    (row,) = re.findall(rf"^ +{re.escape(name)} +([\d,-]+) +([\d,-]+)", table, flags=re.MULTILINE)
    return row


@pytest.mark.slow
@pytest.mark.airflow
def test_the_demo_ends_with_a_table_that_adds_up_and_leaves_nothing_behind(tmp_path):
    output, errors = start_demo(tmp_path).communicate(timeout=300)
    assert errors == ""
    assert numbers(output, "recipients in the file") == ("1,000", "600")
    assert numbers(output, "accepted") == ("954", "559")
    assert numbers(output, "delivered") == ("933", "547")
    assert numbers(output, "failed") == ("15", "9")
    assert numbers(output, "pending") == ("6", "3")
    assert numbers(output, "rejected") == ("26", "29")
    assert numbers(output, "skipped") == ("20", "12")
    assert numbers(output, "unknown") == ("0", "0")
    assert "1,810 messages on 1,810 phones, nobody twice, nobody lost" in output
    assert "as usual: 297 of 300 sent" in output
    assert "30 of 30 messages of the sample were delivered" in output
    assert "with ten times as many people: 0 of 3,000 sent" in output
    assert re.search(r"LikeLastRun +fail +.*3,?000", output)
    assert "Hello Amelia, your voucher SPRING10 is valid until Sunday." in output
    assert "【阿里云】" in output
    assert "\x1b" not in output
    assert "\r" not in output
    assert not re.search(r"1380000\d{4}", output)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").iterdir()) == []
    assert processes_of(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_cleans_up(tmp_path, number, status):
    demo = start_demo(tmp_path)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "audiences" in line:
            break
    demo.send_signal(number)
    demo.communicate(timeout=60)
    assert demo.returncode == status
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_of(tmp_path) == []


@pytest.fixture(scope="module")
def results():
    """Import the module that compares a campaign with the simulator's books."""
    spec = importlib.util.spec_from_file_location("demo_results", DEMO / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def finished(results, *, on_phones=("13800001001", "13800001002"), **changes):
    """Make a campaign of two accepted, delivered recipients and one rejected."""
    receipts = [
        {"phone_number": "13800001001", "outcome": "accepted", "code": None},
        {"phone_number": "13800001002", "outcome": "accepted", "code": None},
        {"phone_number": "1380000", "outcome": "rejected", "code": "local.INVALID_NUMBER"},
    ]
    send = {"total": 3, "accepted": 2, "rejected": 1, "skipped": 0, "unknown": 0}
    return results.Campaign(
        title="China",
        rows=changes.pop("rows", 3),
        send=send | changes.pop("send", {}),
        delivered={"delivered": 2, "failed": 0, "pending": 0} | changes.pop("delivered", {}),
        receipts=receipts,
        messages=[{"number": number, "status": "delivered"} for number in on_phones],
    )


def test_a_campaign_that_adds_up_has_no_contradiction(results):
    assert list(results.contradictions(finished(results))) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"on_phones": ("13800001001", "13800001002", "13800001002")},
            "1 phones got the message more than once",
        ),
        ({"on_phones": ("13800001001",)}, "1 receipts say accepted, but no phone has the message"),
        (
            {"on_phones": ("13800001001", "13800001002", "13800001003")},
            "without a receipt that says accepted",
        ),
        ({"rows": 4}, "the file has 4 rows"),
        ({"send": {"accepted": 1, "skipped": 1}}, "1 are accepted, but 2 receipts say so"),
        ({"delivered": {"delivered": 1, "pending": 1}}, "the sensor counted 1 delivered, the simulator 2"),
        ({"delivered": {"delivered": 1}}, "do not add up to 2 accepted"),
    ],
)
def test_what_does_not_add_up_is_said(results, changes, complaint):
    assert any(complaint in text for text in results.contradictions(finished(results, **changes)))

# SPDX-License-Identifier: Apache-2.0
"""
Three campaigns through a real Airflow against a local gateway, watched from the outside: ``make demo``.

Nothing leaves this machine, and nothing stays on it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audience
import report
import results
from scratch import Scratch
from screen import Screen

from airflow_provider_aliyunsms.simulator.control_client import SimulatorClient

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
RECEIPT_DELAY = 0.2
TEXT = "${name}您好，您有${points}积分将于本月底到期，可在会员中心兑换礼品。拒收请回复R"
TEMPLATE, SIGNATURE = "SMS_152550005", "阿里云"
CAMPAIGNS = (
    ("china_campaign", "China", "china", audience.write_china),
    ("globe_campaign", "Globe", "globe", audience.write_globe),
)
GUARDED = "guarded_campaign"
USUAL, TEN_TIMES = "guarded", "ten times as many"


class DemoError(Exception):
    """The demo cannot go on, or its numbers do not add up."""


def main() -> int:
    """Run the demo; the exit status is 0 when everything adds up."""
    screen = Screen()
    began = time.monotonic()
    screen.say(
        screen.bold("Three SMS campaigns, a real Airflow, a simulated gateway. Nothing leaves this machine.")
    )
    screen.say()
    with Scratch() as scratch:
        try:
            _play(screen, scratch)
        except DemoError as error:
            screen.abandon()
            screen.say(f"\nThe demo failed: {error}\n")
            for line in scratch.last_words():
                screen.say(f"  {line}")
            screen.say(f"\nThe whole log: {scratch.keep_log()}")
            return 1
        except KeyboardInterrupt:
            screen.abandon()
            screen.say("\nStopped. Cleaning up.")
            return 130
    screen.say(f"Took {time.monotonic() - began:.0f} s; everything it made is removed again.")
    return 0


def _play(screen: Screen, scratch: Scratch) -> None:
    simulator = _start_simulator(screen, scratch)
    rows = _write_audiences(screen, scratch)
    _run(screen, scratch, simulator)
    messages = simulator.messages(limit=sum(rows.values()) * 2)
    guarded = {step: results.guarded(scratch.folder / f"{step}.json") for step in (USUAL, TEN_TIMES)}
    finished = [
        results.read(
            title=title,
            rows=rows[dag_id],
            result=scratch.folder / f"{dag_id}.json",
            messages=[each for each in messages if not each["number"].startswith(audience.GUARDED_PREFIX)],
            api=api,
        )
        for dag_id, title, api, _ in CAMPAIGNS
    ]
    screen.say()
    report.show(screen, finished)
    report.show_phones(screen, finished)
    report.show_guards(screen, usual=guarded[USUAL], stopped=guarded[TEN_TIMES])
    screen.say()
    _check(screen, simulator, finished, guarded=guarded[USUAL], stopped=guarded[TEN_TIMES])


def _start_simulator(screen: Screen, scratch: Scratch) -> SimulatorClient:
    screen.begin("simulator", "starting")
    process = scratch.start(
        "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0",
        "--delivery-delay", str(RECEIPT_DELAY), piped=True,
    )  # fmt: skip
    line = process.stdout.readline().decode() if process.stdout else ""
    if "http://" not in line:
        raise DemoError("the simulator did not start")
    simulator = SimulatorClient(line.split()[-1])
    simulator.templates({TEMPLATE: {"text": TEXT, "kind": "promotion"}})
    simulator.signatures({SIGNATURE: {}})
    screen.end(f"speaks both APIs at {simulator.url}")
    return simulator


def _write_audiences(screen: Screen, scratch: Scratch) -> dict[str, int]:
    screen.begin("audiences", "writing")
    rows = {dag_id: write(scratch.folder / f"{dag_id}.csv") for dag_id, _, _, write in CAMPAIGNS}
    rows[USUAL] = audience.write_usual(scratch.folder / f"{USUAL}.csv")
    rows[TEN_TIMES] = audience.write_ten_times(scratch.folder / f"{TEN_TIMES}.csv")
    audience.write_opted_out(scratch.folder / "opted_out.csv")
    (scratch.folder / "claims").mkdir()
    screen.end("CSV files with " + " and ".join(f"{number:,}" for number in rows.values()) + " recipients")
    return rows


def _run(screen: Screen, scratch: Scratch, simulator: SimulatorClient) -> None:
    plan = {dag_id: (dag_id, _places(scratch, dag_id), "success") for dag_id, *_ in CAMPAIGNS}
    more = {name: str(scratch.folder / name) for name in ("claims", "ledger")}
    more["opted_out"] = str(scratch.folder / "opted_out.csv")
    plan[USUAL] = (GUARDED, _places(scratch, USUAL) | more, "success")
    plan[TEN_TIMES] = (GUARDED, _places(scratch, TEN_TIMES) | more, "failed")
    screen.begin(f"Airflow {version('apache-airflow')}", "is starting")
    airflow = scratch.start(
        str(HERE / "in_airflow.py"), str(scratch.folder), json.dumps(plan), simulator=simulator.url
    )
    _wait(airflow, scratch.folder / "database.json")
    screen.end("is up, with an SQLite database of its own")
    for step in plan:
        screen.begin(step, "starting")
        progress = _Progress(screen, simulator)
        _wait(airflow, scratch.folder / f"{step}.json", meanwhile=progress.show)
        screen.end("nothing sent" if step == TEN_TIMES else progress.text)


def _places(scratch: Scratch, step: str) -> dict[str, str]:
    return {
        "recipients": str(scratch.folder / f"{step}.csv"),
        "receipts": str(scratch.folder / "receipts"),
    }


class _Progress:
    """What the gateway has seen of one campaign so far."""

    def __init__(self, screen: Screen, simulator: SimulatorClient) -> None:
        self._screen = screen
        self._simulator = simulator
        self._before = _seen(simulator)

    @property
    def text(self) -> str:
        """Messages taken, and questions after their fate."""
        sent, asked = (now - then for now, then in zip(_seen(self._simulator), self._before, strict=True))
        return f"{sent:,} messages sent, {asked:,} look-ups" if sent else "starting"

    def show(self) -> None:
        """Bring the living line up to date."""
        self._screen.update(self.text)


def _wait(
    airflow: subprocess.Popen[bytes], result: Path, *, meanwhile: Callable[[], None] | None = None
) -> None:
    while not result.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            airflow.wait(0.3)
        if airflow.poll() is not None and not result.exists():
            raise DemoError(f"Airflow ended before it was done with {result.stem}")
        if meanwhile is not None:
            meanwhile()


def _seen(simulator: SimulatorClient) -> tuple[int, int]:
    stats = simulator.stats()
    requests = stats["requests"]
    return stats["accepted"], sum(number for name, number in requests.items() if name.startswith("Query"))


def _check(
    screen: Screen,
    simulator: SimulatorClient,
    campaigns: list[results.Campaign],
    *,
    guarded: dict[str, Any],
    stopped: dict[str, Any],
) -> None:
    problems = [problem for campaign in campaigns for problem in results.contradictions(campaign)]
    stats = simulator.stats()
    accepted = sum(campaign.send["accepted"] for campaign in campaigns) + guarded["accepted"]
    if stopped["accepted"] or stopped["total"] != audience.TEN_TIMES_ROWS:
        problems.append("the campaign that the guards stopped has sent something")
    if not stats["accepted"] == stats["distinct_numbers"] == accepted:
        problems.append(f"the simulator has {stats['accepted']} messages, the campaigns say {accepted}")
    if problems:
        raise DemoError("the numbers do not add up:\n  " + "\n  ".join(problems))
    screen.say(
        f"Checked against the simulator's own books: {accepted:,} messages on {accepted:,} phones, nobody twice, "
        "nobody lost."
    )


if __name__ == "__main__":
    sys.exit(main())

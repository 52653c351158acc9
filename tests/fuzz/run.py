# SPDX-License-Identifier: Apache-2.0
"""
Fuzz everything that reads what others wrote, for a bounded time: ``make fuzz`` (ten minutes; ``FUZZ_SECONDS=60``).

Each target gets an equal share of the time: half of it for Hypothesis, whose inputs have the right shape, and half
for ``atheris``, which follows the coverage. What is found is kept below ``tests/fuzz/found``, where the usual tests
read it. With ``--write`` the figures go into ``docs/security.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "security.md"
FOUND = HERE / "found"
BEGIN, END = "<!-- fuzz: begin -->", "<!-- fuzz: end -->"

sys.path.insert(0, str(HERE))


@dataclass(frozen=True)
class Figures:
    """What became of one target."""

    name: str
    shaped: int
    guided: int | None
    crashes: int


def main() -> int:
    """Return 0 when nothing was found."""
    # What the code under test has to say to its users would be thousands of lines here.
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description="Fuzz everything that reads what others wrote.")
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--only", help="the name of one target")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/security.md")
    arguments = parser.parse_args()
    from targets import TARGETS

    names = [arguments.only] if arguments.only else list(TARGETS)
    share = arguments.seconds / len(names) / 2
    figures = [_fuzz(name, seconds=share) for name in names]
    if arguments.write:
        _write(figures, seconds=arguments.seconds)
    return 1 if any(each.crashes for each in figures) else 0


def _fuzz(name: str, *, seconds: float) -> Figures:
    shaped, first = _shaped(name, seconds=seconds)
    guided, second = _guided(name, seconds=seconds)
    found = Figures(name=name, shaped=shaped, guided=guided, crashes=first + second)
    _say(f"{name:15} {found.shaped:>9,} shaped, {found.guided or 0:>9,} guided inputs, {found.crashes} found")
    return found


def _shaped(name: str, *, seconds: float) -> tuple[int, int]:
    from hypothesis import HealthCheck, Phase, given, settings
    from targets import TARGETS

    target = TARGETS[name]
    until = time.monotonic() + seconds
    tried = 0
    last = b""

    @settings(
        deadline=None,
        database=None,
        max_examples=2000,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(target.inputs)
    def feed(data: bytes) -> None:
        nonlocal tried, last
        tried += 1
        last = data
        target.feed(data)

    while time.monotonic() < until:
        try:
            feed()
        except Exception as error:  # noqa: BLE001 - whatever gets out is a find
            _keep(name, last, f"{type(error).__name__}: {error}")
            return tried, 1
    return tried, 0


def _guided(name: str, *, seconds: float) -> tuple[int | None, int]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(HERE / "coverage_guided.py"), name, folder, str(max(1, round(seconds)))],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + 120,
            check=False,
        )
        if "No module named 'atheris'" in done.stderr:
            return None, 0
        found = [path for path in Path(folder).iterdir() if path.is_file()]
        for path in found:
            _keep(name, path.read_bytes(), _last_error(done.stderr))
        counted = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        if counted is None and not found:
            raise RuntimeError(f"atheris did not run:\n{done.stderr[-2000:]}")
        return int(counted[1]) if counted else 0, len(found)


def _last_error(text: str) -> str:
    lines = re.findall(r"^(?:\w+\.)*\w*(?:[Ee]rror|Exception)\b.*$", text, re.MULTILINE)
    return lines[-1] if lines else text[-300:]


def _keep(name: str, data: bytes, what: str) -> None:
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    _say(f"{name}: {what[:300]}\n    kept in {path.relative_to(ROOT)}")


def _write(figures: list[Figures], *, seconds: float) -> None:
    from targets import TARGETS

    day = datetime.now(UTC).strftime("%Y-%m-%d")
    rows = ["| what reads | shaped inputs | guided by coverage | crashes |", "| --- | --- | --- | --- |"]
    for each in figures:
        guided = "not run" if each.guided is None else f"{each.guided:,}"
        rows.append(f"| {TARGETS[each.name].what} | {each.shaped:,} | {guided} | {each.crashes} |")
    total = sum(each.shaped + (each.guided or 0) for each in figures)
    python = platform.python_version()
    text = f"Last written by `make fuzz` on {day}: {seconds:.0f} s, Python {python}, {total:,} inputs."
    page = PAGE.read_text(encoding="utf-8")
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n{text}\n\n" + "\n".join(rows) + f"\n{page[stop:]}", encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

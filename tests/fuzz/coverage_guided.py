# SPDX-License-Identifier: Apache-2.0
"""
Fuzz one target guided by coverage, in a process of its own: ``coverage_guided.py TARGET FOLDER SECONDS``.

The folder receives the inputs that reached new code, and below ``crash-`` the one that got something out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["airflow_provider_aliyunsms"]):
    from targets import TARGETS


def main() -> None:
    """Run until the time is over or something is found."""
    name, folder, seconds = sys.argv[1:4]
    target = TARGETS[name]
    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for position, seed in enumerate(target.seeds):
        (corpus / f"seed-{position}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={folder}/",
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

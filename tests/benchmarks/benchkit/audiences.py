# SPDX-License-Identifier: Apache-2.0
"""The same audience in each of the forms in which a campaign takes it."""

from __future__ import annotations

import json
from pathlib import Path

from benchkit.sample import code, name, number, write_csv

KINDS = ("CSV", "JSON lines", "list of mappings", "list of numbers")


def audience(kind, *, folder, size):
    """Return the audience as an operator takes it: the path of a file in the folder, or a list."""
    if kind == "CSV":
        return str(write_csv(Path(folder) / "audience.csv", size))
    if kind == "JSON lines":
        path = Path(folder) / "audience.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for index in range(size):
                row = {"phone_number": number(index), "name": name(index), "code": code(index)}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        return str(path)
    if kind == "list of mappings":
        return [
            {"phone_number": number(index), "template_param": {"name": name(index), "code": code(index)}}
            for index in range(size)
        ]
    return [number(index) for index in range(size)]

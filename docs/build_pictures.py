# SPDX-License-Identifier: Apache-2.0
"""
Draw the pictures of the docs into ``docs/_static``; their text is in ``docs/pictures.toml``.

Run ``python docs/build_pictures.py`` after a change of packages or text; a test fails when it was forgotten. The
package map follows the folders of the package and the layers in ``pyproject.toml``. Each picture has a background of
its own, so that it can be read on a light and on a dark page.
"""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGE = "airflow_provider_aliyunsms"
LIGHT = {"ink": "#1f2328", "card": "#ffffff", "box": "#e7edf5", "end": "#dcefe0", "line": "#57606a"}
DARK = {"ink": "#e6edf3", "card": "#161b22", "box": "#263040", "end": "#1f3a29", "line": "#9aa4b0"}
COLOURS = (
    "text{{fill:{ink}}}.card{{fill:{card}}}.box{{fill:{box};stroke:{line}}}.end{{fill:{end};stroke:{line}}}"
    ".inner{{fill:{card};stroke:{line}}}.line{{fill:none;stroke:{line}}}.head{{fill:{line}}}"
)
STYLE = (
    "<style>text{font:13px sans-serif;text-anchor:middle}.small{font-size:11px}"
    ".large{font-size:15px;font-weight:bold}.dashed{stroke-dasharray:5 4}"
    f"{COLOURS.format(**LIGHT)}@media(prefers-color-scheme:dark){{{COLOURS.format(**DARK)}}}</style>"
    '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    '<path class="head" d="M0,0 L8,4 L0,8 z"/></marker></defs>'
)


def words(x: float, y: float, text: str, kind: str = "small") -> str:
    """Write one line, centred."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "box") -> str:
    """Draw an empty box."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" class="{kind}"/>'


def line(*points: tuple[float, float], kind: str = "", head: bool = True) -> str:
    """Draw a line through points, with an arrow's head at its end."""
    way = " ".join(f"{x:g},{y:g}" for x, y in points)
    marker = ' marker-end="url(#head)"' if head else ""
    return f'<polyline points="{way}" class="line {kind}"{marker}/>'


def picture(title: str, width: int, height: float, parts: list[str]) -> str:
    """Put a picture together."""
    size = f'viewBox="0 0 {width} {height:g}" width="{width}" role="img"'
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<title>{title}</title>", STYLE]
    return "\n".join([*head, box(0, 0, width, height, "card"), *parts, "</svg>\n"])


def package_map(notes: dict[str, str]) -> str:
    """Draw the layers from the top down, the packages of each side by side, and last those in no layer."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    rules = project["tool"]["importlinter"]["contracts"]
    layers = next(rule["layers"] for rule in rules if rule["type"] == "layers")
    no_airflow = next(r["source_modules"] for r in rules if r.get("forbidden_modules") == ["airflow"])
    rows = [
        [name.strip().rpartition(".")[2] for name in layer.replace("|", ":").split(":")] for layer in layers
    ]
    others = sorted(set(inside("")) - {name for row in rows for name in row})
    border = next(row for row in rows if f"{PACKAGE}.{row[0]}" in no_airflow)
    remarks = {border[0]: "packages above import Airflow, packages below do not", others[0]: "in no layer"}
    parts, y = [], 12.0
    for row in [*rows, others]:
        if row[0] in remarks:
            border_line = line((44, y + 8), (776, y + 8), kind="dashed", head=False)
            parts, y = [*parts, border_line, words(410, y + 26, remarks[row[0]])], y + 38
        height = 98 if any(map(inside, row)) else 46
        width = (742 - 10 * len(row)) / len(row)
        for at, name in enumerate(row):
            parts += package(44 + at * (width + 10), y, width, height, notes, name)
        y += height + 10
        if row == rows[-1]:
            parts += [line((28, 12), (28, y - 10))]
            turned = f'transform="translate(20 {y / 2:g}) rotate(-90)"'
            parts += [f'<text {turned} class="small">imports go down only</text>']
    return picture("The packages and their layers", 790, y + 2, parts)


def inside(name: str) -> list[str]:
    """Return the packages inside a package."""
    return sorted(each.parent.name for each in (HERE.parent / PACKAGE / name).glob("*/__init__.py"))


def package(x: float, y: float, width: float, height: float, notes: dict[str, str], name: str) -> list[str]:
    """Draw a package with those inside it."""
    parts = [box(x, y, width, height), words(x + width / 2, y + 19, name, "")]
    parts += [words(x + width / 2, y + 36, notes.get(name, ""))]
    step = (width - 10) / max(1, len(inside(name)))
    for at, each in enumerate(inside(name)):
        left = x + 10 + at * step
        parts += [box(left, y + 46, step - 10, 40, "inner"), words(left + step / 2 - 5, y + 63, each, "")]
        parts += [words(left + step / 2 - 5, y + 78, notes.get(each, ""))]
    return parts


def chunk(plan: dict[str, Any]) -> str:
    """Draw the steps from the top down, between vertical lines."""
    parts, bottom = [], 60 + 32 * len(plan["steps"])
    for x, name in zip(range(110, 850, 210), plan["lanes"], strict=True):
        parts += [box(x - 70, 12, 140, 30), words(x, 32, name, "")]
        parts += [line((x, 42), (x, bottom), kind="dashed", head=False)]
    for at, (start, end, text) in enumerate(plan["steps"]):
        a, b, y = 110 + 210 * start, 110 + 210 * end, 78 + 32 * at
        if a == b:
            parts += [box(a - 96, y - 15, 192, 24, "inner"), words(a, y + 2, text)]
        else:
            kind = "dashed" if text.startswith("- ") else ""
            beside = a + 105 if b > a else a - 105
            parts += [line((a, y), (b, y), kind=kind), words(beside, y - 5, text.removeprefix("- "))]
    return picture("The way of one chunk", 850, bottom + 14, parts)


def evidence(plan: dict[str, Any]) -> str:
    """Draw boxes on a grid and the arrows between them."""
    parts, places = [], {}
    for name, (column, row, text, *kind) in plan["boxes"].items():
        x, y = places[name] = (120 + 280 * column, 48 + 92 * row)
        rows = text.split("|")
        parts += [box(x - 104, y - 32, 208, 64, *kind)]
        parts += [words(x, y + 13 - 8.5 * len(rows) + 17 * at, each, "") for at, each in enumerate(rows)]
    for start, end, text in plan["arrows"]:
        (a, b), (c, d) = places[start], places[end]
        if a == c:
            parts += [line((a, b + 32), (c, d - 32)), words(a + 34, b + 50, text)]
        elif a > c:
            parts += [line((a - 104, b), (c, b), (c, d - 32))]
        else:
            parts += [
                line((a + 104, b), (a + 140, b), (a + 140, d), (c - 104, d)),
                words(a + 122, b - 6, text),
            ]
    return picture("How an open chunk is settled", 800, 554, parts)


def settled(plan: dict[str, Any]) -> str:
    """Draw the steps from the top down, and beside each the end it can have."""
    parts: list[str] = []
    for at, (text, kind, way, end) in enumerate(plan["steps"]):
        y = 52 + 96 * at
        parts += _lines_in_box(190, y, 320, text, kind)
        if at:
            parts += [line((190, y - 60), (190, y - 37))]
        if end:
            parts += [line((350, y), (470, y)), words(410, y - 8, way, "")]
            parts += _lines_in_box(620, y, 300, end, "end")
    return picture(plan["title"], 800, 96 * len(plan["steps"]) + 8, parts)


def _lines_in_box(x: float, y: float, width: float, text: str, kind: str) -> list[str]:
    rows = text.split("|")
    first = y + 5 - 9 * (len(rows) - 1)
    lines = [words(x, first + 18 * at, each, "large" if at == 0 else "") for at, each in enumerate(rows)]
    return [box(x - width / 2, y - 36, width, 72, kind or "box"), *lines]


def pictures() -> dict[str, str]:
    """Return every picture by the name of its file."""
    plan = tomllib.loads((HERE / "pictures.toml").read_text(encoding="utf-8"))
    return {
        "package-map.svg": package_map(plan["notes"]),
        "chunk.svg": chunk(plan["chunk"]),
        "evidence.svg": evidence(plan["evidence"]),
        "settled.svg": settled(plan["settled"]),
    }


if __name__ == "__main__":
    for file, svg in pictures().items():
        (HERE / "_static" / file).write_text(svg, encoding="utf-8")

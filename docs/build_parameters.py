# SPDX-License-Identifier: Apache-2.0
"""
Write the tables of parameters into the pages, from signatures and docstrings.

``python docs/build_parameters.py`` after a change of a parameter; a test says when it was forgotten. A page has a
pair of marks, ``<!-- parameters of NAME: begin -->`` and the same with ``end``; what stands between them is written
here. The sources are read, not imported: neither Airflow nor anything else needs to be there.

The text of a parameter ends in this order, each only where it has one::

    :param max_qps: calls that may be made; None for no limit. Unit: calls a second. Example: ``50``. (templated)

The pages ``*.zh-CN.md`` have the same tables in Chinese: names, defaults and examples are those of the code, and the
sentences come from ``parameters.zh-CN.toml``. Beside each stands the short hash of the English sentence that it
tells, so that ``chinese_gaps`` finds those whose English has changed since.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "airflow_provider_aliyunsms"

GUARDS: Final = "campaign/guards"
CHINESE: Final = HERE / "parameters.zh-CN.toml"
CHINESE_ENDING: Final = ".zh-CN.md"


@dataclass(frozen=True)
class Place:
    """
    One class or function of the package.

    :param path: its file, below the package.
    :param name: as written there; a method behind a dot.
    """

    path: str
    name: str


@dataclass(frozen=True)
class Table:
    """
    One table.

    :param page: the page below ``docs`` that has its marks.
    :param signatures: where parameters and defaults are; the first that names one wins.
    :param texts: where the meaning is; the first that names one wins.
    :param without: parameters of ``signatures`` that the user cannot give.
    """

    page: str
    signatures: tuple[Place, ...]
    texts: tuple[Place, ...]
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Parameter:
    """
    One row of a table; texts are Markdown.

    :param origin: the class or function whose docstring has the meaning.
    """

    name: str
    default: str
    unit: str
    example: str
    meaning: str
    is_templated: bool
    is_measured: bool
    origin: str


_BASE: Final = Place("operators/base.py", "AliyunSmsSendOperator")
_CHINA: Final = Place("operators/aliyun_sms.py", "AliyunSendBatchSmsOperator")
_GLOBE: Final = Place("operators/aliyun_sms.py", "AliyunBatchSendMessageToGlobeOperator")


def _alone(page: str, path: str, name: str) -> Table:
    place = Place(path, name)
    return Table(page, (place,), (place,))


TABLES: Final = {
    "AliyunSendBatchSmsOperator": Table("operators/china.md", (_CHINA, _BASE), (_CHINA,)),
    "AliyunBatchSendMessageToGlobeOperator": Table(
        "operators/globe.md", (_GLOBE, _BASE), (_GLOBE, _CHINA), without=frozenset({"max_concurrency"})
    ),
    "AliyunSmsShards": _alone("operators/shards.md", "operators/shards.py", "AliyunSmsShards"),
    "AliyunSmsShardsSummary": _alone("operators/shards.md", "operators/shards.py", "AliyunSmsShardsSummary"),
    "AliyunSmsReportOperator": _alone(
        "operators/report.md", "operators/report.py", "AliyunSmsReportOperator"
    ),
    "AliyunSmsDeliverySensor": _alone("delivery.md", "sensors/aliyun_sms.py", "AliyunSmsDeliverySensor"),
    "AliyunSmsNotifier": _alone("notifier.md", "notifications/aliyun_sms.py", "AliyunSmsNotifier"),
    "sms_campaign": _alone("operators/group.md", "task_groups/aliyun_sms.py", "sms_campaign"),
}
GUARD_PLACES: Final = (
    Place(f"{GUARDS}/hours/quiet_hours.py", "QuietHours"),
    Place(f"{GUARDS}/hours/quiet_hours.py", "Fresh"),
    Place(f"{GUARDS}/limits/limits.py", "MaxMessages"),
    Place(f"{GUARDS}/limits/limits.py", "MaxParts"),
    Place(f"{GUARDS}/limits/limits.py", "MaxCost"),
    Place(f"{GUARDS}/limits/limits.py", "ExpectedCount"),
    Place(f"{GUARDS}/limits/limits.py", "LikeLastRun"),
    Place(f"{GUARDS}/preflight.py", "Preflight"),
    Place(f"{GUARDS}/suppression.py", "Suppress"),
    Place(f"{GUARDS}/frequency/frequency.py", "FrequencyCap"),
    Place(f"{GUARDS}/frequency/frequency.py", "FrequencyCap.platform"),
    Place(f"{GUARDS}/daily.py", "DailyTotal"),
    Place(f"{GUARDS}/people.py", "Rehearsed"),
    Place(f"{GUARDS}/people.py", "Approved"),
    Place(f"{GUARDS}/canary.py", "Sample"),
    Place(f"{GUARDS}/canary.py", "Canary"),
    Place("audience/split.py", "Split"),
)
GUARD_PAGE: Final = "operators/guards.md"

_HEADS: Final = {
    False: "| parameter | default | unit | example | what it does |\n| --- | --- | --- | --- | --- |",
    True: "| 参数 | 默认值 | 单位 | 示例 | 说明 |\n| --- | --- | --- | --- | --- |",
}
_TEMPLATED: Final = {False: " *Templated.*", True: "*支持 Jinja。*"}
_KNOWN_DEFAULTS: Final = {
    "conf.getboolean('operators', 'default_deferrable', fallback=False)": "`[operators] default_deferrable`",
    "MAINLAND_ZONE": "`Asia/Shanghai`",
    "None": "none",
    "()": "none",
}
_ENDING: Final = re.compile(
    r"(?P<meaning>.*?)(?: Unit: (?P<unit>[^`]*?)\.)?(?: Example: ``(?P<example>.*?)``\.)?"
    r"(?P<templated> \(templated\))?",
    re.DOTALL,
)


def parameters(table: Table) -> list[Parameter]:
    """Return the rows of one table, in the order of the docstring that says most."""
    texts: dict[str, tuple[str, str]] = {}
    for place in table.texts:
        for name, text in _texts(place).items():
            texts.setdefault(name, (place.name, text))
    signature: dict[str, tuple[str, str]] = {}
    for place in table.signatures:
        for name, found in _signature(place).items():
            signature.setdefault(name, found)
    names = [*texts, *(name for name in signature if name not in texts)]
    kept = [name for name in names if name in signature or len(table.signatures) == 1]
    return [
        _parameter(name, *texts.get(name, ("", "")), *signature.get(name, ("Airflow's", "")))
        for name in kept
        if name not in table.without
    ]


def guards() -> dict[str, list[Parameter]]:
    """Return the rows of every guard by its name."""
    return {place.name: parameters(Table(GUARD_PAGE, (place,), (place,))) for place in GUARD_PLACES}


def everything() -> dict[str, list[Parameter]]:
    """Return the rows of everything that has a table, by its name."""
    return {name: parameters(table) for name, table in TABLES.items()} | guards()


def written(page: str, text: str) -> str:
    """Return the text of a page with its tables as they have to be."""
    is_chinese = page.endswith(CHINESE_ENDING)
    english = page.replace(CHINESE_ENDING, ".md")
    for name, table in TABLES.items():
        if table.page == english:
            text = _between_marks(text, name, rendered(parameters(table), is_chinese=is_chinese))
    if english == GUARD_PAGE:
        sections = [
            f"## {name}\n\n{_in_chinese('guards', name, summary) if is_chinese else summary}\n\n"
            f"{rendered(rows, is_chinese=is_chinese)}"
            for name, rows, summary in _guard_sections()
        ]
        text = _between_marks(text, "guards", "\n\n".join(sections))
    return text


def pages() -> list[str]:
    """Return every page that has a table, each followed by the Chinese one."""
    english = sorted({table.page for table in TABLES.values()} | {GUARD_PAGE})
    return [page for name in english for page in (name, name.replace(".md", CHINESE_ENDING))]


def rendered(rows: list[Parameter], *, is_chinese: bool = False) -> str:
    """Return a table in Markdown."""
    return "\n".join([_HEADS[is_chinese], *(_row(each, is_chinese=is_chinese) for each in rows)])


def chinese_gaps() -> list[str]:
    """Return what has no Chinese words, has changed in English since they were written, or is not there any more."""
    found, wanted = _chinese(), _sentences()
    gaps = [
        f"{kind}: no Chinese for {word!r}"
        for kind in ("units", "defaults")
        for word in sorted({getattr(row, kind[:-1]) for rows in everything().values() for row in rows})
        if word and not word.startswith("`") and word not in found[kind]
    ]
    for (owner, name), sentence in wanted.items():
        known = found.get(owner, {}).get(name)
        if known is None:
            gaps.append(f"{owner}.{name}: no Chinese; of = {hash_of(sentence)!r}: {sentence}")
        elif known["of"] != hash_of(sentence):
            gaps.append(
                f"{owner}.{name}: the English is now: {sentence} | the Chinese says: {known['zh']} | "
                f"when they agree, set of = {hash_of(sentence)!r}"
            )
    there = {(owner, name) for owner in found if owner not in ("units", "defaults") for name in found[owner]}
    return gaps + [f"{owner}.{name}: not in the code any more" for owner, name in sorted(there - {*wanted})]


def hash_of(sentence: str) -> str:
    """Return the short hash by which a changed sentence is known."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:8]


def _sentences() -> dict[tuple[str, str], str]:
    """Return every English sentence by its owner and name."""
    found = {("guards", name): summary for name, _, summary in _guard_sections()}
    for rows in everything().values():
        found |= {(row.origin, row.name): row.meaning for row in rows}
    return found


@cache
def _chinese() -> dict[str, dict[str, Any]]:
    return tomllib.loads(CHINESE.read_text(encoding="utf-8"))


def _in_chinese(owner: str, name: str, english: str) -> str:
    """Return the Chinese sentence, or the English one where there is none yet, which ``chinese_gaps`` tells."""
    known = _chinese().get(owner, {}).get(name)
    return str(known["zh"]) if known else english


def _chinese_row(parameter: Parameter) -> Parameter:
    words = _chinese()
    return replace(
        parameter,
        default=words["defaults"].get(parameter.default, parameter.default),
        unit=words["units"].get(parameter.unit, parameter.unit),
        meaning=_in_chinese(parameter.origin, parameter.name, parameter.meaning),
    )


def _row(parameter: Parameter, *, is_chinese: bool) -> str:
    parameter = _chinese_row(parameter) if is_chinese else parameter
    meaning = parameter.meaning + (_TEMPLATED[is_chinese] if parameter.is_templated else "")
    example = f"`{parameter.example}`" if parameter.example else ""
    cells = (f"`{parameter.name}`", parameter.default, parameter.unit, example, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _guard_sections() -> list[tuple[str, list[Parameter], str]]:
    return [
        (name, rows, _summary(place))
        for place, (name, rows) in zip(GUARD_PLACES, guards().items(), strict=True)
    ]


def _between_marks(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- parameters of {name}: begin -->", f"<!-- parameters of {name}: end -->"
    start, stop = text.index(begin) + len(begin), text.index(end)
    return f"{text[:start]}\n\n{content}\n\n{text[stop:]}"


def _parameter(name: str, origin: str, text: str, default: str, kind: str) -> Parameter:
    found = _ENDING.fullmatch(text)
    parts = found.groupdict() if found else {"meaning": text}
    is_number = re.search(r"\b(int|float|timedelta)\b", kind) is not None
    return Parameter(
        name=name,
        default=default,
        unit=parts.get("unit") or "",
        example=parts.get("example") or "",
        meaning=_markdown(parts["meaning"] or ""),
        is_templated=bool(parts.get("templated")),
        is_measured=is_number,
        origin=origin,
    )


def _markdown(text: str) -> str:
    """Turn the inline marks of a docstring into Markdown, and make a sentence of it."""
    text = re.sub(r":\w+:`[~.]*(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    text = text.replace("``", "`").strip()
    if text[:1].islower():
        text = text[0].upper() + text[1:]
    return text


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


def _node(place: Place) -> ast.ClassDef | ast.FunctionDef:
    found: ast.Module | ast.ClassDef | ast.FunctionDef = _tree(place.path)
    for name in place.name.split("."):
        (found,) = (
            node
            for node in found.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
        )
    return found  # type: ignore[return-value]


def _summary(place: Place) -> str:
    return _markdown(inspect.cleandoc(ast.get_docstring(_node(place)) or "").partition("\n\n")[0])


def _texts(place: Place) -> dict[str, str]:
    """Return the text of each ``:param`` of a docstring, on one line."""
    text = ast.get_docstring(_node(place)) or ""
    found = re.findall(r"^:param (\w+): (.*?)(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return {name: " ".join(body.split()) for name, body in found}


def _signature(place: Place) -> dict[str, tuple[str, str]]:
    """Return default and type of each parameter."""
    node = _node(place)
    if isinstance(node, ast.FunctionDef):
        return _arguments(node)
    inits = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    return _arguments(inits[0]) if inits else _fields(node)


def _arguments(function: ast.FunctionDef) -> dict[str, tuple[str, str]]:
    positional = function.args.args
    missing = [None] * (len(positional) - len(function.args.defaults))
    pairs = [*zip(positional, [*missing, *function.args.defaults], strict=True)]
    pairs += zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return {
        argument.arg: (_default(default), ast.unparse(argument.annotation) if argument.annotation else "")
        for argument, default in pairs
        if argument.arg not in ("self", "cls")
    }


def _fields(node: ast.ClassDef) -> dict[str, tuple[str, str]]:
    """Return those of a dataclass."""
    found = {}
    for each in node.body:
        if (
            not isinstance(each, ast.AnnAssign)
            or not isinstance(each.target, ast.Name)
            or each.target.id == "_"
        ):
            continue
        kind = ast.unparse(each.annotation)
        if not kind.startswith("ClassVar"):
            found[each.target.id] = (_default(_value_of(each.value)), kind)
    return found


def _value_of(value: ast.expr | None) -> ast.expr | None:
    """Return the default behind ``field(default=...)``."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        return next((each.value for each in value.keywords if each.arg == "default"), None)
    return value


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    text = ast.unparse(value)
    if text in _KNOWN_DEFAULTS:
        return _KNOWN_DEFAULTS[text]
    length = re.fullmatch(r"timedelta\((\w+)=(\d+)\)", text)
    if length:
        return f"{length[2]} {length[1] if length[2] != '1' else length[1].removesuffix('s')}"
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return f"`{value.value}`" if value.value else "none"
    if isinstance(value, ast.Tuple):
        return ", ".join(f"`{ast.literal_eval(each)}`" for each in value.elts)
    return f"`{text.removesuffix('.0')}`"


if __name__ == "__main__":
    for each in pages():
        path = HERE / each
        path.write_text(written(each, path.read_text(encoding="utf-8")), encoding="utf-8")
    for gap in chinese_gaps():
        print(gap, file=sys.stderr)

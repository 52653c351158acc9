# SPDX-License-Identifier: Apache-2.0
"""
Write the description of the simulator's control API, as the simulator serves it, and the page that people read.

``python docs/build_simulator_api.py`` after a change of the control API; a test says when it was forgotten.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from airflow_provider_aliyunsms.simulator.memory import State
from airflow_provider_aliyunsms.simulator.options import Options
from airflow_provider_aliyunsms.simulator.server import make_app

HERE = Path(__file__).parent
JSON, PAGE = HERE / "simulator-openapi.json", HERE / "simulator-api.md"

INTRODUCTION = """\
# The simulator's control API

{description}

For generators of clients: {{download}}`simulator-openapi.json`, which a running simulator serves as
`/_simulator/openapi.json` (OpenAPI {openapi}). The name in brackets is the operation's id. Python needs no generated
client: [`SimulatorClient`](simulator.md#in-a-python-test).

This page is written by `python docs/build_simulator_api.py`; do not edit it.
"""


def description() -> dict[str, Any]:
    """Return what a simulator with its options as they are serves as ``openapi.json``."""
    app = make_app(State(Options()), connections=list, stopping=asyncio.Event())
    return app.openapi()


def as_json(api: dict[str, Any]) -> str:
    """Return the description as it lies in the docs."""
    return json.dumps(api, ensure_ascii=False, indent=2) + "\n"


def as_page(api: dict[str, Any]) -> str:
    """Return the page for people."""
    words = {"description": api["info"]["description"], "openapi": api["openapi"].rpartition(".")[0]}
    parts = [INTRODUCTION.format(**words)]
    for tag in api["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        parts += [
            _call(api, method=method, path=path, call=call)
            for path, calls in api["paths"].items()
            for method, call in calls.items()
            if tag["name"] in call["tags"]
        ]
    parts.append("## Forms\n")
    parts += [_form(api, name=name, schema=schema) for name, schema in _forms(api).items()]
    return "\n".join(parts)


def _call(api: dict[str, Any], *, method: str, path: str, call: dict[str, Any]) -> str:
    lines = [f"### `{method.upper()} {path}` ({call['operationId']})", "", call["description"], ""]
    parameters = call.get("parameters", [])
    if parameters:
        rows = [
            [f"`{each['name']}`", *_value(api, each["schema"]), each["description"]] for each in parameters
        ]
        lines += [_table(["parameter", "type", "default", "meaning"], rows), ""]
    body = _content(call.get("requestBody"))
    if body:
        lines += [f"Body: {_type(api, body)}", ""]
        lines += [_curl(path, example) for example in _examples(api, body)]
    elif method == "post":
        lines += [_curl(path, {})]
    answers = {status: one for status, one in call["responses"].items() if status.startswith("2")}
    for one in answers.values():
        kinds = one.get("content", {})
        types = [
            _type(api, content["schema"]) if content.get("schema") else f"`{kind}`"
            for kind, content in kinds.items()
        ]
        lines += [f"Answer: {', '.join(types)}", ""]
    refused = {
        status: one["description"] for status, one in call["responses"].items() if status not in answers
    }
    if refused:
        lines += [
            f"Refused with {' '.join(f'{status}: {text}' for status, text in sorted(refused.items()))}",
            "",
        ]
    return "\n".join(lines)


def _curl(path: str, example: Any) -> str:
    text = json.dumps(example, ensure_ascii=False)
    return f"    curl -sf http://127.0.0.1:8025{path} \\\n        --json '{text}'\n"


def _form(api: dict[str, Any], *, name: str, schema: dict[str, Any]) -> str:
    lines = [f"({_anchor(name)})=", f"### {name}", "", _words_of(schema), ""]
    if "enum" in schema:
        return "\n".join([*lines, _words(schema), ""])
    required = schema.get("required", [])
    rows = []
    for field, content in schema.get("properties", {}).items():
        kind, default = _value(api, content)
        rows.append([f"`{field}`", kind, "" if field in required else default, _meaning(content)])
    return "\n".join([*lines, _table(["field", "type", "default", "meaning"], rows), ""])


def _words_of(schema: dict[str, Any]) -> str:
    return " ".join(schema.get("description", "").split()).replace("``", "`")


def _forms(api: dict[str, Any]) -> dict[str, Any]:
    # FastAPI's own forms of mistakes, which no call here uses
    return {
        name: schema
        for name, schema in api["components"]["schemas"].items()
        if name not in ("HTTPValidationError", "ValidationError")
    }


def _value(api: dict[str, Any], schema: dict[str, Any]) -> tuple[str, str]:
    default = schema.get("default", "")
    return _type(api, schema), "" if default == "" else f"`{json.dumps(default, ensure_ascii=False)}`"


def _meaning(schema: dict[str, Any]) -> str:
    inner = (one.get("description", "") for one in schema.get("anyOf", []))
    return schema.get("description") or next(filter(None, inner), "")


def _type(api: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(api, one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return _words(schema)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(api, schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object, each value: {_type(api, schema['additionalProperties'])}"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return ""
    if most is None:
        return f", at least {least:g}"
    return f", {least:g} to {most:g}"


def _words(schema: dict[str, Any]) -> str:
    return ", ".join(f"`{word}`" for word in schema.get("enum", [schema.get("const")]))


def _content(described: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if described is None else described["content"]["application/json"]["schema"]


def _examples(api: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema.get("examples", [])


def _anchor(name: str) -> str:
    return f"form-{name.lower()}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |" for cells in lines)


if __name__ == "__main__":
    found = description()
    JSON.write_text(as_json(found), encoding="utf-8")
    PAGE.write_text(as_page(found), encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""The description of the control API: complete, and true of what the simulator answers."""

from __future__ import annotations

import jsonschema
import pytest
import requests

NUMBER = "13800001234"


@pytest.fixture(scope="module")
def description(shared_simulator):
    return requests.get(f"{shared_simulator.url}/_simulator/openapi.json", timeout=10).json()


def operations(description):
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            yield path, method, call


def schemas_within(schema):
    yield schema
    for part in ("anyOf", "allOf", "oneOf", "prefixItems"):
        for one in schema.get(part, []):
            yield from schemas_within(one)
    if isinstance(schema.get("items"), dict):
        yield from schemas_within(schema["items"])


def test_each_call_says_what_it_does_and_has_a_name_of_its_own(description):
    calls = [call for _, _, call in operations(description)]
    names = [call["operationId"] for call in calls]
    assert len(calls) > 15
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    known = {tag["name"] for tag in description["tags"]}
    for call in calls:
        assert call["description"].endswith(".")
        assert set(call["tags"]) <= known
        assert len(call["tags"]) == 1


def test_each_parameter_and_each_field_is_described(description):
    lacking = [
        f"{method} {path} {parameter['name']}"
        for path, method, call in operations(description)
        for parameter in call.get("parameters", [])
        if not parameter.get("description")
    ]
    for name, schema in description["components"]["schemas"].items():
        for field, content in schema.get("properties", {}).items():
            if not any(one.get("description") or "$ref" in one for one in schemas_within(content)):
                lacking.append(f"{name}.{field}")
    assert lacking == []


def test_it_is_of_this_version_and_needs_no_host(description):
    assert description["openapi"].startswith("3.1")
    assert description["info"]["version"]
    assert "servers" not in description


def checked(description, answer, *, path, method):
    """Check an answer against the schema that the description has for its status."""
    documented = description["paths"][path][method]["responses"][str(answer.status_code)]
    schema = documented["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": description["components"]})
    return answer.json()


def test_each_answer_is_as_described(description, simulator, raw):
    raw.call("SendBatchSms", raw.batch(NUMBER, "13800000401"))
    raw.call("SendBatchSms", raw.batch(NUMBER))
    raw.call("BatchSendMessageToGlobe", raw.globe("85251001234"))
    simulator.misbehave("drop_after", times=None)
    with pytest.raises(OSError, match="reset"):
        raw.call("SendSms")
    with requests.Session() as session:
        session.trust_env = False
        for path, method, call in operations(description):
            if method != "get" or call["operationId"] in ("listen", "export"):
                continue
            address = simulator.url + path.replace("{number}", NUMBER)
            content = checked(description, session.get(address, timeout=10), path=path, method=method)
            # what is empty would be as described, whatever the description says
            assert content or path == "/_simulator/templates"


def test_each_example_of_a_body_is_accepted_and_answered_as_described(description, simulator):
    tried = 0
    for path, method, call in operations(description):
        if method != "post":
            continue
        body = call.get("requestBody", {"content": {"application/json": {"schema": {"examples": [{}]}}}})
        schema = body["content"]["application/json"]["schema"]
        if "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        for example in schema["examples"]:
            answer = requests.post(simulator.url + path, json=example, timeout=10)
            assert answer.status_code == 200, (path, example, answer.text)
            checked(description, answer, path=path, method=method)
            tried += 1
    assert tried > 6


def test_each_refusal_is_as_described(description, simulator):
    def post(path, **settings):
        return requests.post(f"{simulator.url}{path}", timeout=10, **settings)

    path = "/_simulator/misbehave"
    elsewhere = {"Origin": "http://example.org"}
    for answer, status in (
        (post(path, json={"fault": "explode"}), 422),
        (post(path, data="{}"), 415),
        (post(path, json={"fault": "delay"}, headers=elsewhere), 403),
    ):
        assert answer.status_code == status
        assert checked(description, answer, path=path, method="post")["detail"]

# SPDX-License-Identifier: Apache-2.0
"""One list says what is public: what modules export, what Airflow is told, what examples import and the reference."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = "airflow_provider_aliyunsms"
# what a DAG imports is all there is in these modules; the doors of other packages also serve the package itself
WHOLE = ("operators", "sensors", "notifications", "decorators", "task_groups", "retry_policies")


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build_api", DOCS / "build_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def public(build):
    """Give the public names of each public module."""
    names = {}
    for section in build.sections():
        names.setdefault(section["module"], set()).update(section["names"])
    return names


def source(module):
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def exported(module):
    """Give ``__all__`` of a module, None where there is none."""
    for node in source(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def defined(module):
    tree = source(module)
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_the_reference_is_current(build):
    assert build.PAGE.read_text(encoding="utf-8") == build.page(), "run python docs/build_api.py"


def test_public_names_are_exported(public):
    for module, names in public.items():
        there = exported(module) or defined(module)
        assert names - {"*"} <= there, module


def test_what_a_module_for_dag_files_exports_is_public(public):
    for module, names in public.items():
        if module.split(".")[1] in WHOLE and (all_of_it := exported(module)) is not None:
            assert all_of_it == names, module


def test_what_airflow_is_told_is_public(public):
    from airflow_provider_aliyunsms.get_provider_info import get_provider_info

    info = get_provider_info()
    told = [*info["notifications"]]
    told += [each["class-name"] for each in info["task-decorators"]]
    told += [each["hook-class-name"] for each in info["connection-types"]]
    modules = {
        module
        for kind in ("operators", "sensors", "triggers", "hooks")
        for each in info.get(kind, [])
        for module in each["python-modules"]
    }
    told += [f"{module}.*" for module in modules if module not in public]
    assert [name for name in told if name.rpartition(".")[2] not in public[name.rpartition(".")[0]]] == []


def test_examples_and_pages_import_public_names_only(public):
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "dags_examples").glob("*.py")}
    for path in [*ROOT.glob("README*.md"), *DOCS.rglob("*.md")]:
        found = re.findall(
            r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        texts[path] = "\n".join(found)
    imported = 0
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                names = {each.name for each in node.names}
                imported += len(names)
                allowed = public.get(node.module, set())
                assert "*" in allowed or names <= allowed, f"{path.name}: {node.module} {names}"
    assert imported > 30

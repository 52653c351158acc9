# SPDX-License-Identifier: Apache-2.0
"""What Airflow sees of an installed provider, before any DAG runs."""

from __future__ import annotations

import importlib.metadata
import json

from airflow_provider_aliyunsms.get_provider_info import get_provider_info

# what needs an Airflow, or a package, that need not be there
NEEDS_MORE = {
    "airflow_provider_aliyunsms.fs.oss_storage": "ossfs",
    "airflow_provider_aliyunsms.operators.approval": "ApprovalOperator",
    "airflow_provider_aliyunsms.retry_policies": "ExceptionRetryPolicy",
    "airflow_provider_aliyunsms.simulator": "fastapi",
}

# what is loaded only where Airflow's interface takes pages: from 3.1 on; the plugin itself loads everywhere
CAMPAIGN_PAGE = tuple(
    f"airflow_provider_aliyunsms.ui.{name}" for name in ("access", "app", "query", "routes", "sums")
)

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
import airflow_provider_aliyunsms as package

failed = {}
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if found.name.startswith(NEEDS_MORE):
        continue
    try:
        importlib.import_module(found.name)
    except Exception as error:
        failed[found.name] = repr(error)
print(json.dumps([failed, sorted(name for name in sys.modules if name.startswith(package.__name__))]))
"""

FORM_OF_2 = """
import json
from airflow.providers_manager import ProvidersManager

manager = ProvidersManager()
fields = {
    name.removeprefix("extra__aliyun_sms__"):
        "password" if "Password" in widget.field.field_class.__name__ else "text"
    for name, widget in manager.connection_form_widgets.items() if name.startswith("extra__aliyun_sms__")
}
behaviour = manager.field_behaviours["aliyun_sms"]
name = manager.hooks["aliyun_sms"].hook_name
print(json.dumps([name, fields, behaviour["relabeling"]["login"], "schema" in behaviour["hidden_fields"]]))
"""

FORM_OF_3 = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

(ours,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "aliyun_sms"]
fields = {
    name: "password" if field["schema"].get("format") == "password" else "text"
    for name, field in ours.extra_fields.items()
}
standard = ours.standard_fields
print(json.dumps([ours.hook_name, fields, standard.login.title, standard.url_schema.hidden]))
"""


def test_every_module_can_be_imported(airflow):
    left_out = (*NEEDS_MORE, *(() if airflow.version >= (3, 1) else CAMPAIGN_PAGE))
    failed, loaded = airflow.answer(f"NEEDS_MORE = {left_out}\n{IMPORT_EVERYTHING}")
    assert failed == {}
    assert "airflow_provider_aliyunsms.ui.plugin" in loaded
    assert "airflow_provider_aliyunsms.operators.aliyun_sms" in loaded


def test_the_provider_is_listed(airflow):
    table = airflow.python("-m", "airflow", "providers", "list", "--output", "json")
    rows = json.loads(table[table.index("[{") :])
    (ours,) = [row for row in rows if row["package_name"] == "airflow-provider-aliyunsms"]
    assert ours["version"] == importlib.metadata.version("airflow-provider-aliyunsms")


def test_the_connection_form_has_our_fields(airflow, measured):
    old = importlib.metadata.version("apache-airflow").startswith("2.")
    name, fields, login, schema_hidden = airflow.answer(FORM_OF_2 if old else FORM_OF_3)
    (wanted,) = get_provider_info()["connection-types"]
    assert name == "Alibaba Cloud SMS"
    assert set(fields) == set(wanted["conn-fields"])
    secret = {
        field
        for field, described in wanted["conn-fields"].items()
        if described["schema"].get("format") == "password"
    }
    assert {field for field, kind in fields.items() if kind == "password"} == secret
    assert login == "AccessKey ID"
    assert schema_hidden is True
    measured("Connection form", "yes, if `wtforms` is there" if airflow.version == (3, 0) else "yes")

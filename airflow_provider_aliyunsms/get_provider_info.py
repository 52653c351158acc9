# SPDX-License-Identifier: Apache-2.0
"""
Describe this provider package to Airflow: its modules, connection type and links.

Airflow calls the function while it is still reading its own configuration, so this module imports nothing at all.
"""

# There is no __future__ import either, so that a test can check the rule "imports nothing".
_INTEGRATION = "Alibaba Cloud SMS"
_PACKAGE = "airflow_provider_aliyunsms"


def get_provider_info() -> dict[str, object]:
    """
    Return the description of the provider that Airflow loads at its start.

    An error here stops every ``airflow`` command.
    """
    return {
        "package-name": "airflow-provider-aliyunsms",
        "name": "Alibaba Cloud SMS",
        "description": (
            "`Alibaba Cloud SMS <https://www.alibabacloud.com/product/short-message-service>`__: "
            "SMS campaigns that never send twice and never lose a recipient."
        ),
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://www.alibabacloud.com/help/en/sms/",
                "tags": ["service"],
            }
        ],
        "operators": [_modules("operators")],
        "sensors": [_modules("sensors")],
        "hooks": [_modules("hooks")],
        "triggers": [_modules("triggers")],
        "filesystems": [f"{_PACKAGE}.fs.oss"],
        "notifications": [f"{_PACKAGE}.notifications.aliyun_sms.AliyunSmsNotifier"],
        "extra-links": [
            f"{_PACKAGE}.links.aliyun_sms.AliyunSmsCampaignLink",
            f"{_PACKAGE}.links.aliyun_sms.AliyunSmsConsoleLink",
            f"{_PACKAGE}.links.aliyun_sms.AliyunSmsGlobeConsoleLink",
            f"{_PACKAGE}.links.aliyun_sms.AliyunSmsReceiptsLink",
        ],
        "task-decorators": [
            {"name": "aliyun_sms", "class-name": f"{_PACKAGE}.decorators.aliyun_sms.aliyun_sms_task"},
            {
                "name": "aliyun_sms_globe",
                "class-name": f"{_PACKAGE}.decorators.aliyun_sms.aliyun_sms_globe_task",
            },
        ],
        "connection-types": [
            {
                "connection-type": "aliyun_sms",
                "hook-class-name": f"{_PACKAGE}.hooks.aliyun_sms.AliyunSmsHook",
                "hook-name": "Alibaba Cloud SMS",
                "ui-field-behaviour": _standard_fields(),
                "conn-fields": _extra_fields(),
            }
        ],
    }


def _modules(folder: str) -> dict[str, object]:
    return {"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{folder}.aliyun_sms"]}


def _standard_fields() -> dict[str, object]:
    # The port stays: Airflow 3.3.2 refuses to test a saved connection without one (apache/airflow#73298).
    return {
        "hidden-fields": ["schema", "extra"],
        "relabeling": {
            "login": "AccessKey ID",
            "password": "AccessKey secret",
            "host": "Endpoint (optional)",
            "port": "Port (optional)",
        },
        "placeholders": {"host": "https://dysmsapi.aliyuncs.com", "port": "443"},
    }


def _extra_fields() -> dict[str, object]:
    # The form shows the fields in this order: those that most connections need first, those for roles last.
    return {
        "sign_name": _text(
            "Default signature",
            "For campaigns in mainland China: the SMS signature, without brackets, where neither the task nor "
            "the recipient names one.",
        ),
        "sender_id": _text(
            "Default sender ID", "For Globe campaigns: the sender ID where the task names none."
        ),
        "alert_phone_numbers": _text(
            "Alert numbers",
            "For AliyunSmsNotifier: up to 10 phone numbers with commas between them, where the notifier names none.",
        ),
        "region_id": _text(
            "Region", "Region of the China API, such as cn-hangzhou. Empty: the default endpoint."
        ),
        "globe_region_id": _text(
            "Globe region", "Region of the Globe API, such as ap-southeast-1. Empty: the default endpoint."
        ),
        "connect_timeout": _seconds(
            "Connect timeout (seconds)", "How long to wait for a connection to the API.", default=5
        ),
        "read_timeout": _seconds(
            "Read timeout (seconds)",
            "How long to wait for an answer. A send that is not answered in time is looked up, not repeated.",
            default=10,
        ),
        "ledger_secret": {
            "label": "Ledger secret",
            "description": (
                "Mixed into the hashes by which a ledger knows numbers. Empty: Airflow's Fernet key. Changed in "
                "the middle of a campaign, it stops the campaign."
            ),
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "oss_endpoint": _text(
            "OSS endpoint",
            "For oss:// paths that name this connection, such as https://oss-cn-hangzhou-internal.aliyuncs.com. "
            'Empty: the public one of the region. Needs the package\'s extra "oss".',
        ),
        **_pace_fields(),
        **_credential_fields(),
        **_role_fields(),
    }


def _pace_fields() -> dict[str, object]:
    # Texts, because a limit may be a fraction, and the form of older versions has no field for such a number.
    return {
        "pace_conn_id": _text(
            "Redis connection for the pace",
            "All tasks of all workers keep the limits below together. Empty: each task keeps them by itself. "
            'Needs the package\'s extra "redis".',
        ),
        "china_qps": _text(
            "China calls a second", "What the account may make to the China API. Empty: no limit."
        ),
        "globe_qps": _text("Globe calls a second", "What the account may make to the Globe API. Empty: 1."),
        "query_qps": _text(
            "Queries a second",
            "What the account may make to each of QuerySendDetails and QueryMessage. Empty: no limit.",
        ),
    }


def _credential_fields() -> dict[str, object]:
    kinds = [
        "access_key",
        "sts",
        "ram_role_arn",
        "oidc_role_arn",
        "ecs_ram_role",
        "credentials_uri",
        "default",
    ]
    return {
        "credential_type": {
            "label": "Credential type",
            "description": (
                "access_key and sts use the AccessKey ID and secret above, ram_role_arn assumes a role with them; "
                'the others need neither. All but access_key and sts need the package\'s extra "credentials".'
            ),
            "schema": {"type": ["string", "null"], "enum": kinds, "default": "access_key"},
        },
        "security_token": {
            "label": "STS security token",
            "description": "Only with a temporary AccessKey. It expires, and nothing here renews it.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
    }


def _role_fields() -> dict[str, object]:
    role = "For ram_role_arn and oidc_role_arn. "
    return {
        "role_arn": _text("Role ARN", role + "Such as acs:ram::1234567890123456:role/sms."),
        "role_session_name": _text("Role session name", role + "Appears in the audit log."),
        "role_session_expiration": {
            "label": "Role session (seconds)",
            "description": role + "How long one session is valid. Empty: 3600.",
            "schema": {"type": ["integer", "null"], "minimum": 900, "maximum": 43200},
        },
        "policy": _text("Session policy", role + "A JSON policy that narrows the role's permissions."),
        "external_id": _text("External ID", "For ram_role_arn. What the role's trust policy asks for."),
        "sts_endpoint": _text("STS endpoint", role + "A host such as sts.cn-hangzhou.aliyuncs.com."),
        "oidc_provider_arn": _text("OIDC provider ARN", "For oidc_role_arn (RRSA)."),
        "oidc_token_file_path": _text("OIDC token file", "For oidc_role_arn (RRSA). A path on the worker."),
        "role_name": _text("ECS role name", "For ecs_ram_role. Empty: the role of the instance."),
        "disable_imds_v1": {
            "label": "Metadata v2 only",
            "description": "For ecs_ram_role. true: never ask the metadata service without a token.",
            "schema": {"type": ["string", "null"], "enum": ["true", "false"]},
        },
        "credentials_uri": _text("Credentials URI", "For credentials_uri. https, or http on this machine."),
    }


def _text(label: str, description: str) -> dict[str, object]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _seconds(label: str, description: str, *, default: int) -> dict[str, object]:
    schema = {"type": ["integer", "null"], "minimum": 1, "maximum": 300, "default": default}
    return {"label": label, "description": description, "schema": schema}

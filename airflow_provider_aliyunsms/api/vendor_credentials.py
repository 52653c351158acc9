# SPDX-License-Identifier: Apache-2.0
"""
Provide credentials that renew themselves, through the official ``alibabacloud-credentials`` package.

The package is imported only when a connection asks for it. It keeps what it fetched and renews it 15 minutes before
it expires, so that asking it before every signature costs nothing until then. Its own errors and log texts are never
passed on: they can hold a token, or a URL with a token in it.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    ConnectionNotMadeError,
    CredentialsError,
)

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.exceptions import ApiError

PACKAGE: Final = "alibabacloud-credentials"
NOT_FETCHED: Final = "CredentialsNotFetched"
REFUSED: Final = "CredentialsRefused"

_HTTP_STATUS: Final = re.compile(r"http_?code\s*[=:]\s*(\d{3})", re.IGNORECASE)
_VENDOR_CODE: Final = re.compile(r'"Code"\s*:\s*"([A-Za-z][A-Za-z.]{0,79})"')
_PASSING_STATUS: Final = frozenset({408, 429})
_NEEDS: Final = {
    "ram_role_arn": "role_arn (ALIBABA_CLOUD_ROLE_ARN)",
    "oidc_role_arn": (
        "role_arn, oidc_provider_arn and oidc_token_file_path (ALIBABA_CLOUD_ROLE_ARN, "
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE)"
    ),
    "credentials_uri": "credentials_uri (ALIBABA_CLOUD_CREDENTIALS_URI)",
    "ecs_ram_role": "an ECS metadata service that ALIBABA_CLOUD_ECS_METADATA_DISABLED does not disable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsConfig:
    """
    The source of credentials that renew themselves, and its options.

    :param credential_type: ``ram_role_arn``, ``ecs_ram_role``, ``oidc_role_arn``, ``credentials_uri``, or
        ``default`` for the package's own chain.
    :param access_key: the AccessKey that a role is assumed with; only ``ram_role_arn`` has one.
    :param options: names and values as the package expects them; not in the repr, because a policy or an external id
        is confidential.
    """

    credential_type: str
    access_key: Credentials | None = None
    options: tuple[tuple[str, str | int | bool], ...] = field(default=(), repr=False)


class VendorCredentials:
    """
    A credentials provider that asks the official package before every signature.

    Making one imports the package and makes no network call. Many threads may call it. After a fetch that fails for a
    passing reason the send may be made again, because nothing is sent without credentials.

    :param recipe: the source of the credentials.
    :raises CredentialsError: the package is not installed, or a field it needs is missing.
    """

    def __init__(self, recipe: CredentialsConfig) -> None:
        self._recipe = recipe
        # The process id is part of the cache's key: a forked process inherits the cached client, but not the thread
        # that renews its credentials.
        self._client = _vendor_client(recipe, os.getpid())

    def __repr__(self) -> str:
        return f"VendorCredentials({self._recipe.credential_type!r})"

    def __call__(self) -> Credentials:
        """
        Return the credentials that are valid now; fetches them when they are not known or about to expire.

        :raises ConnectionNotMadeError: they could not be fetched now; code ``CredentialsNotFetched``.
        :raises CampaignDoomedError: they are refused; the code is the one of STS, or ``CredentialsRefused``.
        """
        failure: ApiError
        try:
            model = self._client.get_credential()
            return Credentials(
                access_key_id=model.access_key_id or "",
                access_key_secret=model.access_key_secret or "",
                security_token=model.security_token or None,
            )
        except CredentialsError as error:
            failure = _refused(self._recipe.credential_type, why=error.message)
        except Exception as error:  # noqa: BLE001 - the package raises anything; each means "no credentials"
            failure = _explain(self._recipe.credential_type, error)
        # Raised outside the handler: the caught error can hold a token.
        raise failure


def _explain(credential_type: str, error: Exception) -> ApiError:
    """Return the error of a failed fetch: a refusal only when it certainly is one, else a passing failure."""
    text = str(getattr(error, "message", None) or error)
    status = int(found[1]) if (found := _HTTP_STATUS.search(text)) else None
    if status is not None and 400 <= status < 500 and status not in _PASSING_STATUS:
        code = found[1] if (found := _VENDOR_CODE.search(text)) else None
        return _refused(credential_type, why=f"The answer was HTTP {status}.", code=code)
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return _refused(credential_type, why="The token file is not there or cannot be read.")
    if "providers in the chain" in text:
        return _refused(credential_type, why="None of the places the default chain looks at has any.")
    return ConnectionNotMadeError(
        f"The credentials ({credential_type}) could not be fetched: {type(error).__name__}.",
        code=NOT_FETCHED,
        advice="Nothing was sent now. Check that this machine reaches the service that hands them out.",
    )


def _refused(credential_type: str, *, why: str, code: str | None = None) -> CampaignDoomedError:
    return CampaignDoomedError(
        f"There are no credentials ({credential_type}). {why}",
        code=code or REFUSED,
        advice="Check the fields of the connection, the role's trust policy and the permission to assume it.",
    )


@lru_cache(maxsize=32)
def _vendor_client(recipe: CredentialsConfig, _process: int) -> Any:
    # Cached, because each client fetches for itself, and some start a thread that never ends.
    try:
        # Imported here and not at the top: the package is an optional extra, few need it, and it is slow to import.
        from alibabacloud_credentials.client import Client  # type: ignore[import-untyped]  # it has no types
        from alibabacloud_credentials.models import Config  # type: ignore[import-untyped]  # the same
    except ImportError:
        raise CredentialsError(
            f"credential_type {recipe.credential_type!r} needs the package {PACKAGE}.",
            advice='Install it: pip install "airflow-provider-aliyunsms[credentials]".',
        ) from None
    _silence_vendor_log()
    problem: CredentialsError
    try:
        return Client(_config(recipe, Config))
    except ValueError:
        needs = _NEEDS.get(recipe.credential_type, "more than the connection says")
        problem = CredentialsError(
            f"credential_type {recipe.credential_type!r} needs {needs}.",
            advice="Fill in the fields of the connection, or set the variables before Airflow's process starts.",
        )
    # Raised outside the handler, so that the package's own error is not attached.
    raise problem


def _config(recipe: CredentialsConfig, config_class: Any) -> Any:
    if recipe.credential_type == "default":
        return None
    options: dict[str, Any] = dict(recipe.options)
    if recipe.access_key is not None:
        options |= {
            "access_key_id": recipe.access_key.access_key_id,
            "access_key_secret": recipe.access_key.access_key_secret,
            "security_token": recipe.access_key.security_token,
        }
    return config_class(type=recipe.credential_type, **options)


class _Withhold(logging.Filter):
    """Replace the text of every log record: the package logs whole responses, and URLs with tokens in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = "alibabacloud-credentials reports a problem; its text is withheld, it can hold secrets."
        record.args = ()
        record.exc_info = None
        record.exc_text = None
        return True


def _silence_vendor_log() -> None:
    logger = logging.getLogger("credentials")
    if not any(isinstance(each, _Withhold) for each in logger.filters):
        logger.addFilter(_Withhold())

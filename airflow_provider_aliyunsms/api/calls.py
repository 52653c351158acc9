# SPDX-License-Identifier: Apache-2.0
"""
How one call is made: signed, sent once, read.

Everything travels in the form body, because proxies log URLs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.api.responses import accepted_fields
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.signature import Envelope, sign_acs3
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.api.credentials import Credentials, CredentialsProvider
    from airflow_provider_aliyunsms.api.endpoints import Endpoint
    from airflow_provider_aliyunsms.api.responses import Answer
    from airflow_provider_aliyunsms.api.transport import Transport

_CHINA: Final = "2017-05-25"
_GLOBE: Final = "2018-05-01"
_SENDS: Final = frozenset({"SendBatchSms", "SendSms", "BatchSendMessageToGlobe"})
_MOST_SIGNERS: Final = 10_000


class Caller:
    """Signs calls to both APIs and makes them; the parameters are those of ``AliyunSmsClient``."""

    def __init__(
        self,
        *,
        credentials: CredentialsProvider,
        china: Endpoint,
        globe: Endpoint,
        transport: Transport,
        read_retries: ReadRetries | None = None,
    ) -> None:
        self._credentials = credentials
        self._china = china
        self._globe = globe
        self._transport = transport
        self._read_retries = read_retries or ReadRetries()
        self._signers: dict[str, Credentials] = {}

    def signer(self) -> str:
        """Return a hash that stands for the AccessKey ID in use, so that a ledger can tell one from another."""
        return hashlib.blake2b(self._credentials().access_key_id.encode(), digest_size=6).hexdigest()

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _call(
        self, action: str, form: Mapping[str, str], *, globe: bool = False, envelope: Envelope | None = None
    ) -> Answer:
        envelope = envelope or Envelope.new()
        credentials = self._signers.get(envelope.nonce) or self._credentials()
        request = sign_acs3(
            endpoint=self._globe if globe else self._china,
            action=action,
            version=_GLOBE if globe else _CHINA,
            query={},
            form=form,
            credentials=credentials,
            envelope=envelope,
        )
        try:
            answer = accepted_fields(self._transport.send(request), action=action, globe=globe)
        except AmbiguousOutcomeError:
            # A replay proves something only if it is identical, also when the AccessKey was renewed in between.
            if action in _SENDS and len(self._signers) < _MOST_SIGNERS:
                self._signers[envelope.nonce] = credentials
            raise
        self._signers.pop(envelope.nonce, None)
        return answer

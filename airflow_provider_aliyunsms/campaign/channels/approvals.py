# SPDX-License-Identifier: Apache-2.0
"""Put what the China API says of templates and signatures into the words of ``campaign/ports.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.campaign.ports import Signature, Template
from airflow_provider_aliyunsms.exceptions import CampaignDoomedError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.models import SignResponse, TemplateResponse
    from airflow_provider_aliyunsms.exceptions import ApiError

_STATUS: Final = {0: "in review", 1: "approved", 2: "rejected", 10: "cancelled"}
_KIND: Final = {0: "otp", 1: "notification", 2: "promotion", 3: "international"}
_FILING: Final = {
    3: "filed",
    1: "filed but unverified",
    -1: "filing",
    0: "failed",
    2: "lapsed",
    -2: "not filed",
}

# Compared without case and without "isv.". No other code says that there is none: a missing permission and an account
# in arrears are refusals of the question.
_NO_TEMPLATE: Final = frozenset({"sms_template_illegal", "templatenotfound"})
_NO_SIGNATURE: Final = frozenset({"sms_signature_illegal", "sms_sign_name_illegal", "signaturenotfound"})


def template_of(response: TemplateResponse, *, code: str) -> Template:
    """Return a template in our words; a state or kind that is not known stays the vendor's number."""
    return Template(
        code=code,
        text=response.content,
        status=_STATUS.get(response.status, str(response.status)),
        kind=_KIND.get(response.kind, str(response.kind)),
        variables=response.variables,
    )


def signature_of(response: SignResponse, *, name: str) -> Signature:
    """Return a signature in our words; a state that is not known stays the vendor's number."""
    return Signature(
        name=name,
        status=_STATUS.get(response.status, str(response.status)),
        carriers={carrier: _FILING.get(state, str(state)) for carrier, state in response.carriers.items()},
    )


def says_no_template(error: ApiError) -> bool:
    """Return whether an error of ``GetSmsTemplate`` says that the account has no such template."""
    return isinstance(error, CampaignDoomedError) and _plain(error) in _NO_TEMPLATE


def says_no_signature(error: ApiError) -> bool:
    """Return whether an error of ``GetSmsSign`` says that the account has no such signature."""
    return isinstance(error, CampaignDoomedError) and _plain(error) in _NO_SIGNATURE


def _plain(error: ApiError) -> str:
    return (error.code or "").lower().removeprefix("isv.")

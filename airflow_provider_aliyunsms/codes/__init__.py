# SPDX-License-Identifier: Apache-2.0
"""
Explain every code that can stand in a response, in a receipt or in this package's own results.

The input is a code as it stood in a response (``isv.AMOUNT_NOT_ENOUGH``, ``Throttling.User``, ``DELIVRD`` ...), with
the HTTP status and the product whose API sent it. The output is a :class:`CodeInfo`: the conclusion that the code
allows (:class:`CodeClass`), its meaning and the next step, in English and Chinese.

The conclusion decides about money. The classes fall into three groups:

* A *refusal* proves that the gateway did not accept the request: no message leaves and nothing is charged. The
  recipients get another request, or the outcome ``rejected``. Most classes are refusals and differ in who is at
  fault: ``recipient``, ``content``, ``request``, ``flow_control``, ``doomed`` (the whole campaign), ``retry``.
* An *ambiguous* code proves nothing: the message may be on its way. Nothing is sent again before evidence settles
  it. A code that no table and no family holds is ambiguous, unless the gateway itself gave it with an HTTP status
  that says "not processed" (4xx). ``OK`` under an HTTP error status is ambiguous, too.
* The other classes say that a request was accepted, that a nonce was used before, that a query found no record, or
  how a delivery ended.

A code that is wrongly taken for a refusal can lead to a second message on a phone. One that is wrongly taken for
ambiguous costs look-ups and time. So in doubt it is ambiguous.

* ``model`` defines one row of the tables. A table is data and nothing else. ``china`` and ``globe`` hold the codes
  of one API each, ``gateway`` those of the gateway before both (signature, rate, parameters), ``carrier`` those that
  carriers give in a delivery report, and ``local`` those of this package.
* :func:`look_up_code` (in ``lookup``, as the others below) is for the code of a response. It knows the vendor's
  tables only, takes prefix and case as they come, and knows families of codes by pattern, such as
  ``InvalidAccessKey...``. It takes the product, because a few names mean different things in the two APIs. The client
  and the channels use it to decide what may be done next.
* :func:`explain` is for the code of a receipt or of an ``errors`` count, which a person wants to understand. It looks
  among the codes of this package first and calls :func:`look_up_code` for all others. Both return an "unknown code"
  row instead of failing.
* :func:`is_opt_out` says whether a code means that its number is not to be sent to any more.
* :func:`concerns` says whether a code is about the signature or the template; :func:`tidy_code` makes a code from
  outside fit for logs and errors.

A new code of the vendor is one entry in the table of the API, gateway or carrier that gives it; look first whether
the documentation proves a refusal. A new code of this package is a member of ``LocalCode`` and an entry of
``LOCAL_CODES``, both in ``local``. Then ``make docs`` writes the error pages. See "Add an error code" in
CONTRIBUTING.md.

This package imports no HTTP library, no Airflow and no other part of the provider but ``products``.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.codes.local import LOCAL_CODES, MOST_CODES, LocalCode
from airflow_provider_aliyunsms.codes.lookup import (
    OPT_OUT_CODES,
    all_codes,
    concerns,
    explain,
    is_expired_token,
    is_opt_out,
    look_up_code,
    tidy_code,
    with_action,
)
from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo

__all__ = [
    "LOCAL_CODES",
    "MOST_CODES",
    "OPT_OUT_CODES",
    "CodeClass",
    "CodeInfo",
    "LocalCode",
    "all_codes",
    "concerns",
    "explain",
    "is_expired_token",
    "is_opt_out",
    "look_up_code",
    "tidy_code",
    "with_action",
]

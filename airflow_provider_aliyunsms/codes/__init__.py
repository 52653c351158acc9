# SPDX-License-Identifier: Apache-2.0
"""
Explain every code that a response, a receipt or this package can give.

What enters is a code as it stood in a response (``isv.AMOUNT_NOT_ENOUGH``, ``Throttling.User``, ``DELIVRD`` ...)
with the HTTP status and the product that answered. What leaves is a :class:`CodeInfo`: what may be concluded from
the code (:class:`CodeClass`), what it means and what to do next, in English and Chinese.

* ``model`` says what one row of the tables holds. ``china``, ``globe``, ``gateway`` and ``carrier`` hold the codes
  of the vendor, by who gives them; ``local`` holds the codes of this package. A table is data and nothing else.
* :func:`look_up_code` finds the vendor's codes, whatever their prefix and case, and the families that the gateway
  documents by pattern. The two products give a few bare names different meanings, so it asks which one answered.
* :func:`explain` does the same for everything a receipt or an ``errors`` count can hold, our own codes included. It
  never fails.
* :func:`tidy_code` makes a code from outside fit for logs and errors.

The class of a code decides about money: a code that is wrongly taken for a refusal is a second message on a phone,
one that is wrongly taken for ambiguous costs look-ups and hours. So a code that no table knows is ambiguous, and
"OK" under an error status is not believed.

This package knows no HTTP, no Airflow and no other package but ``products``. Where a new code goes is told in
CONTRIBUTING.md.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.codes.local import LOCAL_CODES, LocalCode
from airflow_provider_aliyunsms.codes.lookup import all_codes, explain, look_up_code, tidy_code
from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo

__all__ = [
    "LOCAL_CODES",
    "CodeClass",
    "CodeInfo",
    "LocalCode",
    "all_codes",
    "explain",
    "look_up_code",
    "tidy_code",
]

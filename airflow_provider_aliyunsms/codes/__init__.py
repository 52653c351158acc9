# SPDX-License-Identifier: Apache-2.0
"""
Explain every code that can stand in a response, in a receipt or in this package's own results.

The input is a code as it stood in a response (``isv.AMOUNT_NOT_ENOUGH``, ``Throttling.User``, ``DELIVRD`` ...), with
the HTTP status and the product whose API sent it. The output is a :class:`CodeInfo`: the conclusion that the code
allows (:class:`CodeClass`), its meaning and the next step, in English and Chinese.

* ``model`` defines one row of the tables. ``china``, ``globe``, ``gateway`` and ``carrier`` hold the codes of the
  vendor, by their origin; ``local`` holds the codes of this package. A table is data and nothing else.
* :func:`look_up_code` finds the vendor's codes, whatever their prefix and case, and the families that the gateway
  documents by pattern. A few bare names mean different things in the two products, so it takes the product, too.
* :func:`explain` does the same for everything that a receipt or an ``errors`` count can hold, including the codes of
  this package. It never fails.
* :func:`tidy_code` makes a code from outside fit for logs and errors.

The class of a code decides about money. A code that is wrongly taken for a refusal can lead to a second message on a
phone; one that is wrongly taken for ambiguous costs look-ups and hours. So a code that no table holds is ambiguous,
and so is "OK" under an HTTP error status.

This package imports no HTTP library, no Airflow and no other part of the provider but ``products``. CONTRIBUTING.md
says where to add a new code.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.codes.local import LOCAL_CODES, MOST_CODES, LocalCode
from airflow_provider_aliyunsms.codes.lookup import (
    all_codes,
    concerns,
    explain,
    look_up_code,
    tidy_code,
    with_action,
)
from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo

__all__ = [
    "LOCAL_CODES",
    "MOST_CODES",
    "CodeClass",
    "CodeInfo",
    "LocalCode",
    "all_codes",
    "concerns",
    "explain",
    "look_up_code",
    "tidy_code",
    "with_action",
]

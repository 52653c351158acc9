# SPDX-License-Identifier: Apache-2.0
"""
Judge a whole campaign at its end, and put the most frequent codes into the error that ends a try.

A task that is green although nobody was reached is worse than a red one, and a red one must say why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.outcomes import FAILED_LIST, OUTCOMES
from airflow_provider_aliyunsms.codes import CodeClass, CodeInfo, LocalCode, explain, look_up_code
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    OutcomeUnknownError,
    TooManyRefusedError,
)
from airflow_provider_aliyunsms.products import PRODUCTS, Product

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SHOWN_CODES = 3
"""Codes that an error names; the log explains more of them, and the XCom has all."""

RETRY_TOLD = "it looks for evidence again and sends nothing twice"
RETRY = "A retry looks for evidence again and sends nothing twice."
"""The next step after a try that ended while calls were open."""

_OWN = frozenset({CodeClass.RECIPIENT, CodeClass.FLOW_CONTROL})
_NO_REASONS = frozenset(
    {LocalCode.NOT_STARTED.value, LocalCode.DUPLICATE.value, LocalCode.CONTENT_CHANGED.value}
)
_CLEAR = (
    "When the cause is mended, clear the task: it sends to those who were not reached for this cause, and to nobody "
    "twice."
)
_CLEAR_OWN = "A Clear sends to these recipients again only with resend_rejected=True."


def is_own_cause(code: str | None, *, product: Product) -> bool:
    """
    Return whether a recipient was refused for a cause of its own: its number, or what it got already.

    Any other cause (template, text, permission, a malformed request) can be mended by whoever runs the task. A code
    that no table holds counts as one of these, and so does none; ``FailedList``, for which the API names no reason,
    as one of the recipient's own.
    """
    if code == FAILED_LIST:
        return True
    return look_up_code(code or "", http_status=400, product=product).code_class in _OWN


def refusals_error(
    summary: Mapping[str, Any], *, local: int, threshold: float | None
) -> TooManyRefusedError | None:
    """
    Return the error of a campaign of which the gateway refused too many recipients; None if it did not.

    Whatever the size of the campaign. Also when all were refused and the threshold allows that.

    :param summary: the counts at the end.
    :param local: how many of the rejected rows were rejected by this package.
    :param threshold: the share of refused recipients that may not be exceeded; None to accept any.
    """
    accepted, refused = summary["accepted"], summary["rejected"] - local
    if threshold is None or refused <= 0:
        return None
    judged = accepted + refused
    if accepted and refused / judged <= threshold:
        return None
    if refused / judged <= threshold:
        return TooManyRefusedError(f"the gateway refused all {judged} recipients, and nobody was reached")
    return TooManyRefusedError(
        f"the gateway refused {refused} of {judged} recipients, more than error_threshold={threshold:g} allows"
    )


def explain_ending(error: AliyunSmsError, summary: Mapping[str, Any]) -> None:
    """
    Add the counts and the most frequent codes of a try to the error that ended it, with the advice of the first.

    :param error: changed in place: counts and codes become its details; its own code and advice stay, where it has
        them.
    :param summary: the counts of the try, with ``errors`` by code.
    """
    reasons = frequent_codes(summary)
    counts = ", ".join(f"{summary[name]} {name}" for name in OUTCOMES)
    details = [f"Of {summary['total']}: {counts}."]
    if reasons:
        named = "; ".join(
            f"{count} x {code} ({explain_code(code, summary).meaning.rstrip('.')})"
            for code, count in reasons[:SHOWN_CODES]
        )
        details.append(f"Most frequent codes: {named}.")
    error.details = (*error.details, *details)
    if isinstance(error, TooManyRefusedError | OutcomeUnknownError):
        _advise(error, reasons, summary)


def frequent_codes(summary: Mapping[str, Any], *, all_codes: bool = False) -> list[tuple[str, int]]:
    """
    Return the codes of a summary with their counts, the most frequent first.

    What this package found in the rows comes last: the log tells it before the first call.

    :param all_codes: also codes that are no reason for a failure, such as that of a duplicate.
    """
    codes = [item for item in summary["errors"].items() if all_codes or item[0] not in _NO_REASONS]
    return sorted(codes, key=lambda item: (_is_local(item[0]), -item[1], item[0]))


def explain_code(code: str, summary: Mapping[str, Any]) -> CodeInfo:
    """
    Return meaning and advice of a code of a summary.

    A missing permission is one for look-ups: a recipient has no outcome for want of the one for sending.
    """
    product = PRODUCTS[summary["api"]]
    return explain(code, api=product.action, action=product.query_action)


def _is_local(code: str) -> bool:
    return code.startswith("local.")


def _advise(
    error: TooManyRefusedError | OutcomeUnknownError,
    reasons: list[tuple[str, int]],
    summary: Mapping[str, Any],
) -> None:
    if not reasons:
        return
    code = reasons[0][0]
    error.code = error.code or code
    advice = explain_code(code, summary).advice
    # Some codes advise just this.
    own_advice = (error.advice or "").replace(RETRY, "").strip() if RETRY_TOLD in advice else error.advice
    parts = [advice]
    if isinstance(error, TooManyRefusedError):
        own = is_own_cause(code, product=PRODUCTS[summary["api"]])
        parts.append(_CLEAR_OWN if own else _CLEAR)
    if own_advice:
        parts.append(own_advice)
    error.advice = " ".join(parts)

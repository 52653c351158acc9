# SPDX-License-Identifier: Apache-2.0
"""From an HTTP answer to either its fields or the error its code asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.api.responses import (
    Answer,
    answer_code,
    answer_message,
    read_answer,
    request_id_of,
)
from airflow_provider_aliyunsms.codes.lookup import CodeClass, CodeInfo, look_up_code, tidy_code
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.transport import HttpAnswer

NONCE_USED: Final = "SignatureNonceUsed"
UNREADABLE: Final = "UnreadableAnswer"

_REFUSED: Final = (CodeClass.FLOW_CONTROL, CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)
_THROTTLE: Final = re.compile(r"^(throttling(\..*)?|(is[vp]\.)?qps_limit_control)$", re.IGNORECASE)
_LEVELS: Final = (
    (re.compile(r"分钟级|minute", re.IGNORECASE), "minute", "Send to it again in the next minute."),
    (re.compile(r"小时级|hour", re.IGNORECASE), "hour", "Send to it again in the next hour."),
    (re.compile(r"天级|\bday\b|daily", re.IGNORECASE), "day", "Send to it again after 24 hours."),
)
_LONGEST_WAIT_MS: Final = 3_600_000


def accepted_fields(http: HttpAnswer, *, action: str, globe: bool) -> Answer:
    """
    Return the fields of an answer whose code is OK, raise the error of any other.

    The code in the body decides; the HTTP status only confirms. Whatever is not proven to be a refusal is
    ambiguous. The API's own text never gets into an error, for it may quote numbers and variables.

    :param http: the answer.
    :param action: the API's action, for the error's text.
    :param globe: whether it is the 2018-05-01 API.
    :raises ApiError: the subclass its code asks for.
    """
    answer = read_answer(http.body)
    raw = answer_code(answer, globe=globe) if answer is not None else None
    if answer is None or raw is None:
        raise AmbiguousOutcomeError(
            f"{action}: the answer (HTTP {http.status}) cannot be read.",
            code=UNREADABLE,
            http_status=http.status,
            request_id=request_id_of(answer) if answer is not None else None,
            advice="Do not send it again before a look-up shows that nothing was accepted.",
        )
    info = look_up_code(raw, http_status=http.status, globe=globe)
    if info.code_class is CodeClass.ACCEPTED:
        return answer
    raise _error(http, answer=answer, raw=raw, info=info, action=action)


def is_no_record(error: ApiError, *, globe: bool) -> bool:
    """Whether a query call failed only because there is no such record, or not yet."""
    return error.code is not None and look_up_code(error.code, globe=globe).code_class is CodeClass.QUERY


def _error(http: HttpAnswer, *, answer: Answer, raw: str, info: CodeInfo, action: str) -> ApiError:
    kind = _kind(info)
    code = NONCE_USED if info.code_class is CodeClass.NONCE_USED else tidy_code(raw)
    what, advice = info.meaning, info.advice
    if info.code_class is CodeClass.FLOW_CONTROL:
        for pattern, level, wait in _LEVELS:
            if pattern.search(answer_message(answer)):
                what, advice = f"{what} (limit: {level})", wait
                break
    text = f"{action}: {what}"
    request_id = request_id_of(answer)
    if kind is NotSentError and _THROTTLE.match(raw):
        return ThrottledError(
            text,
            code=code,
            request_id=request_id,
            advice=advice,
            http_status=http.status,
            retry_after=_retry_after(http),
        )
    return kind(text, code=code, request_id=request_id, advice=advice, http_status=http.status)


def _kind(info: CodeInfo) -> type[ApiError]:
    if info.code_class is CodeClass.RETRY:
        return NotSentError
    if info.code_class in _REFUSED:
        return RequestRefusedError
    return CampaignDoomedError if info.code_class is CodeClass.DOOMED else AmbiguousOutcomeError


def _retry_after(http: HttpAnswer) -> float | None:
    """Read ``x-acs-retry-after``, a whole number of milliseconds; nonsense counts as absent."""
    found = str(http.headers.get("x-acs-retry-after") or "").strip()
    if not (found.isascii() and found.isdigit()) or len(found) > len(str(_LONGEST_WAIT_MS)):
        return None
    milliseconds = min(int(found), _LONGEST_WAIT_MS)
    return milliseconds / 1000 if milliseconds else None

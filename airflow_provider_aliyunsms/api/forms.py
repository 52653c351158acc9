# SPDX-License-Identifier: Apache-2.0
"""
Write the form parameters of the send calls as the APIs expect them: a list is JSON in a string.

Lists of different lengths would be a programming error and could send one recipient's text to another, so the lengths
are checked here too.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class JsonTexts(tuple[str, ...]):
    """A list whose entries are JSON texts already, so that they are joined and not encoded again."""

    __slots__ = ()


def batch_sms_form(
    *,
    phone_numbers: Sequence[str],
    sign_names: Sequence[str],
    template_code: str,
    template_params: Sequence[Mapping[str, str]] | JsonTexts | None,
    sms_up_extend_codes: Sequence[str] | None,
    out_id: str | None,
) -> dict[str, str]:
    """
    Return the form parameters of ``SendBatchSms``; options without a value are left out.

    :raises ValueError: the lists are empty or differ in length.
    :raises TypeError: a template variable is neither a text nor a number.
    """
    _check_counts(phone_numbers, sign_names, template_params, sms_up_extend_codes)
    form = {
        "PhoneNumberJson": _numbers_json(phone_numbers),
        "SignNameJson": _same_texts(tuple(sign_names)),
        "TemplateCode": template_code,
    }
    if isinstance(template_params, JsonTexts):
        form["TemplateParamJson"] = f"[{','.join(template_params)}]"
    elif template_params is not None:
        form["TemplateParamJson"] = _ENCODE(_all_texts(template_params))
    if sms_up_extend_codes is not None:
        form["SmsUpExtendCodeJson"] = _same_texts(tuple(sms_up_extend_codes))
    return _with(form, OutId=out_id)


def sms_form(
    *,
    phone_numbers: Sequence[str],
    sign_name: str,
    template_code: str,
    template_param: Mapping[str, str] | None,
    sms_up_extend_code: str | None,
    out_id: str | None,
) -> dict[str, str]:
    """
    Return the form parameters of ``SendSms``; options without a value are left out.

    :raises ValueError: there is no number, or one holds a comma, which would make it two.
    :raises TypeError: a template variable is neither a text nor a number.
    """
    _check_counts(phone_numbers)
    if any("," in number for number in phone_numbers):
        raise ValueError("a phone number holds a comma")
    form = {"PhoneNumbers": ",".join(phone_numbers), "SignName": sign_name, "TemplateCode": template_code}
    if template_param is not None:
        form["TemplateParam"] = _ENCODE(_texts(template_param))
    return _with(form, SmsUpExtendCode=sms_up_extend_code, OutId=out_id)


def globe_form(
    *,
    to: Sequence[str],
    messages: Sequence[str],
    message_type: str | None,
    sender_id: str | None,
    task_id: str | None,
    validity_period: int | None,
    channel_id: str | None,
) -> dict[str, str]:
    """
    Return the form parameters of ``BatchSendMessageToGlobe``, with one text per number.

    Options without a value are left out.

    :raises ValueError: the lists are empty or differ in length.
    """
    _check_counts(to, messages)
    form = {"To": _numbers_json(to), "Message": _ENCODE(list(messages))}
    seconds = None if validity_period is None else str(validity_period)
    return _with(
        form,
        Type=message_type,
        From=sender_id,
        TaskId=task_id,
        ValidityPeriod=seconds,
        ChannelId=channel_id,
    )


def _numbers_json(numbers: Sequence[str]) -> str:
    """Return numbers as a JSON list; digits need no look at each of them."""
    together = "".join(numbers)
    if together.isascii() and together.isdigit():
        return '["{}"]'.format('","'.join(numbers))
    return _ENCODE(list(numbers))


@lru_cache(maxsize=64)
def _same_texts(texts: tuple[str, ...]) -> str:
    """Return texts as a JSON list; signatures and extension codes are the same in call after call."""
    return _ENCODE(list(texts))


def _check_counts(first: Sequence[Any], *others: Sequence[Any] | None) -> None:
    if isinstance(first, str) or not first:
        raise ValueError("a call needs a list of at least one phone number")
    if any(other is not None and len(other) != len(first) for other in others):
        raise ValueError("the lists of one call must have one entry per phone number")


def _all_texts(params: Sequence[Mapping[str, Any]]) -> list[Mapping[str, str]]:
    # A short cut, because this runs for every recipient of a campaign and nearly always all values are texts.
    if {*map(type, params)} == {dict}:
        values = chain.from_iterable(one.values() for one in params)
        if {*map(type, values)} <= {str}:
            return list(params)
    return [_texts(one) for one in params]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables with numbers written as texts, because the API refuses anything but texts."""
    texts = dict(values)
    for name, value in texts.items():
        if isinstance(value, str):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"a template variable is a {type(value).__name__}, not a text")
        texts[name] = str(value)
    return texts


def _with(form: dict[str, str], **optional: str | None) -> dict[str, str]:
    form.update({name: value for name, value in optional.items() if value})
    return form

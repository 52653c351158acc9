# SPDX-License-Identifier: Apache-2.0
"""Read the template variables and the phone number of a row and turn their values into text."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_aliyunsms.audience.fields import PHONE_REGION, TEMPLATE_PARAM
from airflow_provider_aliyunsms.audience.phone_numbers import (
    LOST_DIGITS,
    is_region,
    lost_digits,
    number_problem,
    single_text,
)
from airflow_provider_aliyunsms.audience.rows import CellError, field_label, first_given, is_missing
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.strict_json import BrokenJsonError, parse_json
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

# More digits than any limit allows. Such a number is rejected before it is written out, because a short JSON number
# such as 1e999999999 would become a text that takes seconds to make and fills the memory.
_MAX_DIGITS = 2000
_TOO_LARGE = 10**_MAX_DIGITS

# Characters that make no sense to a reader, by what they tell of the text: half a character, which no request can
# carry; a control character; the mark of a wrong decoding; a character without a meaning of its own.
_BROKEN = (
    (re.compile("[\ud800-\udfff]"), "holds half a character"),
    (re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"), "holds a control character"),
    (re.compile("\ufffd"), "holds a replacement character, so it was once decoded wrongly"),
    (
        re.compile("[\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]"),
        "holds a private character, which phones show as a box",
    ),
)
_REPLACEMENT = "\ufffd"
# Invisible at either end of a cell that was copied from somewhere: byte order marks, zero-width and direction marks.
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u00ad"


def is_clean(text: str) -> bool:
    """Return whether every character of the text can be sent; on False see :func:`broken_characters`."""
    return text.isprintable() and _REPLACEMENT not in text


def broken_characters(text: str) -> str | None:
    """Return in words what makes the text unfit to be sent, or None."""
    if is_clean(text):
        return None
    return next((problem for pattern, problem in _BROKEN if pattern.search(text)), None)


def trimmed(text: str) -> str:
    """Return the text without blanks and invisible characters around it."""
    text = text.strip()
    while text and (text[0] in _INVISIBLE or text[-1] in _INVISIBLE):
        text = text.strip(_INVISIBLE).strip()
    return text


def as_text(value: Any) -> Any:
    """Return bytes decoded as UTF-8, because some databases give texts as bytes; return any other value unchanged."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return value
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return value


def given_variables(
    values: Mapping[str, Any], *, known: Collection[str], flat: bool
) -> Iterator[tuple[str, Any]]:
    """
    Yield the name and value of each variable that a row gives, as the source wrote them.

    :param values: the row by field name.
    :param known: the keys that are not variables.
    :param flat: whether the other keys are variables. They come after those of ``template_param``, so that they win
        over a variable of the same name.
    :raises RowRejected: when ``template_param`` is not an object.
    :raises AudienceError: when a key is neither known nor a variable, because sending without it could be wrong.
    """
    # This comes first: callers let a later value replace an earlier one of the same name.
    yield from _param_object(values.get(TEMPLATE_PARAM)).items()
    for name, value in values.items():
        if name in known:
            continue
        if not flat:
            raise _unknown_key(name, known)
        yield name, value


def variable_text(name: object, value: Any) -> str | None:
    """
    Return a variable's value as the text the API asks for, or None when it is not given (None, NaN, blank).

    Texts are trimmed. Numbers are written in full and no longer than needed (``1e3`` and ``1000.0`` become ``1000``),
    booleans in lower case, dates and times in ISO form (with a space between date and time).

    :param name: the variable's name, which is checked too.
    :raises RowRejected: for a nested value, a value of another type, a number that is infinite or has too many
        digits, text with control, replacement or private characters, or a name that is not proper text.
    """
    if not isinstance(name, str) or not name.strip() or broken_characters(name):
        raise RowRejected(
            code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason="a variable has no proper name"
        )
    value = as_text(value)
    if is_missing(value):
        return None
    if not isinstance(value, str):
        return _plain_text(name, value)
    text = trimmed(value)
    problem = broken_characters(text)
    if problem is not None:
        raise _invalid(name, problem)
    return text or None


def _plain_text(name: str, value: Any) -> str:
    if isinstance(value, CellError):
        raise _invalid(name, f"is the error {value.text} of a formula")
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value).__name__ in _SINGLE:
        value = Decimal(single_text(float(value)))
    elif isinstance(value, float):
        value = Decimal(repr(float(value)))
        # "100.0" is how a float column writes a whole number.
        value = value.to_integral_value() if value == value.to_integral_value() else value
    if isinstance(value, Decimal):
        return _decimal_text(name, value)
    if isinstance(value, datetime.datetime):
        return datetime.datetime.isoformat(value, sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    try:
        number = operator.index(value)
    except TypeError:
        raise _invalid(name, "is not a plain value (text, number, date)") from None
    return _int_text(name, number)


_SINGLE = {"float16", "float32"}
"""The names of the types of NumPy for floats that hold fewer digits than Python's."""


def _decimal_text(name: str, value: Decimal) -> str:
    if value.is_infinite():
        raise _invalid(name, "is not a finite number")
    exponent = value.as_tuple().exponent
    if abs(value.adjusted()) >= _MAX_DIGITS or (isinstance(exponent, int) and abs(exponent) >= _MAX_DIGITS):
        raise _too_many_digits(name)
    return format(value, "f")


def _int_text(name: str, value: int) -> str:
    if abs(value) >= _TOO_LARGE:
        raise _too_many_digits(name)
    return str(value)


def _param_object(value: Any) -> Mapping[str, Any]:
    if is_missing(value):
        return {}
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except BrokenJsonError as error:
            raise RowRejected(
                code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason=f"template_param is {error}"
            ) from None
    if not isinstance(value, Mapping):
        raise RowRejected(
            code=LocalCode.INVALID_VARIABLE, field=TEMPLATE_PARAM, reason="template_param is not an object"
        )
    return value


def _invalid(name: str, problem: str) -> RowRejected:
    label = field_label(name)
    return RowRejected(code=LocalCode.INVALID_VARIABLE, field=label, reason=f"variable '{label}' {problem}")


def _too_many_digits(name: str) -> RowRejected:
    label = field_label(name)
    return RowRejected(
        code=LocalCode.VARIABLE_TOO_LONG,
        field=label,
        reason=f"variable '{label}' has more than {_MAX_DIGITS} digits",
    )


def _unknown_key(name: object, known: Collection[str]) -> AudienceError:
    label = field_label(name)
    return AudienceError(
        f"The key '{label}' means nothing here; a row may have {', '.join(sorted(known))}.",
        field=label,
        advice=f"put template variables under '{TEMPLATE_PARAM}', and drop what the message does not need.",
    )


_MAX_PHONE = 10**17


def number_text(values: Mapping[str, Any], *names: str) -> str:
    """
    Return the phone number of a row as the source wrote it, from the first of the named keys that has one.

    An integer becomes its digits, and so does a float without a fraction, as data frames make them, if it has all the
    digits of the number.

    :param names: the keys in the order of preference; an error names the first one.
    :raises RowRejected: when there is no number, or when it is neither text nor a positive whole number
        below 10**17, or a float that may have lost digits.
    """
    field = names[0]
    value = as_text(first_given(values, names))
    if isinstance(value, str) and trimmed(value):
        return value
    if value is None or isinstance(value, str):
        raise RowRejected(code=LocalCode.MISSING_NUMBER, field=field, reason="the row has no phone number")
    return _whole_number(field, value)


def invalid_number(field: str, reason: str, *, text: str = "") -> RowRejected:
    """
    Return the error for a row whose phone number cannot be used.

    :param reason: why, in words.
    :param text: the number as it was given; if it shows a usual fault, that is the reason.
    """
    return RowRejected(
        code=LocalCode.INVALID_NUMBER, field=field, reason=(text and number_problem(text)) or reason
    )


def region_given(values: Mapping[str, Any], default: str | None) -> str | None:
    """
    Return the region of the row's phone number, such as ``SG``: its own, or else the default.

    :raises RowRejected: when the row's own is no region.
    """
    value = as_text(values.get(PHONE_REGION))
    if is_missing(value):
        return default
    region = value.strip().upper() if isinstance(value, str) else ""
    if not is_region(region):
        raise invalid_number(PHONE_REGION, "phone_region is not a two-letter region code such as SG")
    return region


def check_region(region: str | None) -> str | None:
    """
    Return a task's ``phone_region`` in capitals, or None when it has none.

    :raises ConfigurationError: when it is no region.
    """
    if region is None or region == "":
        return None
    upper = region.strip().upper() if isinstance(region, str) else ""
    if not is_region(upper):
        msg = "phone_region is not a two-letter region code"
        raise ConfigurationError(msg, advice="Write it like SG or HK.")
    return upper


def _whole_number(field: str, value: Any) -> str:
    if type(value).__name__ in _SINGLE:
        raise invalid_number(field, LOST_DIGITS)
    number: int | None = None
    if isinstance(value, float | Decimal):
        if 0 < value < _MAX_PHONE and value == int(value):
            number = int(value)
            if _was_float(value) and lost_digits(number):
                raise invalid_number(field, LOST_DIGITS)
    elif not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            number = None
    if number is None or not 0 < number < _MAX_PHONE:
        raise invalid_number(field, "the phone number is neither text nor a whole number")
    return str(number)


def _was_float(value: float | Decimal) -> bool:
    # A number in JSON and a NUMERIC column come as Decimal; with a decimal part it was, or may have been, a float.
    if not isinstance(value, Decimal):
        return True
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent < 0

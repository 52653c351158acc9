# SPDX-License-Identifier: Apache-2.0
"""Name the fields of a recipient, and recognise them in the column names that people write."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

PHONE_NUMBER = "phone_number"
PHONE_REGION = "phone_region"
TEMPLATE_PARAM = "template_param"
SIGN_NAME = "sign_name"
SMS_UP_EXTEND_CODE = "sms_up_extend_code"
TO = "to"
MESSAGE = "message"

CHINA_FIELDS = frozenset({PHONE_NUMBER, PHONE_REGION, SIGN_NAME, TEMPLATE_PARAM, SMS_UP_EXTEND_CODE})
GLOBE_FIELDS = frozenset({TO, PHONE_NUMBER, PHONE_REGION, MESSAGE, TEMPLATE_PARAM})

_BETWEEN_WORDS = str.maketrans("", "", " -_")


def known_fields(number_field: str) -> frozenset[str]:
    """
    Return the fields of a recipient that are no template variables.

    :param number_field: the field of the phone number, which tells the product: ``phone_number`` or ``to``.
    """
    return GLOBE_FIELDS if number_field == TO else CHINA_FIELDS


def clean_name(name: str) -> str:
    """Return a column's name without blanks around it and without invisible characters."""
    if name.isprintable():
        return name.strip()
    return "".join(each for each in name if unicodedata.category(each) != "Cf").strip()


def our_name(name: str, *, fields: Collection[str]) -> str:
    """
    Return the field of a recipient that a column's name means, or the name itself if it means none.

    A name that differs from a field in case, blanks, hyphens or underscores only is that field: taken for a variable,
    the text of its column would silently not be sent.

    :param fields: the names that are ours, see :func:`known_fields`.
    """
    if name in fields:
        return name
    plain = _plain_name(name)
    return next((field for field in fields if _plain_name(field) == plain), name)


def _plain_name(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().translate(_BETWEEN_WORDS)

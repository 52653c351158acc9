# SPDX-License-Identifier: Apache-2.0
"""The reasons this package itself has for not sending to a row, next to the API's own codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class LocalCode(StrEnum):
    """The code in the receipt of a row that was never submitted."""

    INVALID_NUMBER = "local.INVALID_NUMBER"
    MISSING_NUMBER = "local.MISSING_NUMBER"
    MISSING_SIGNATURE = "local.MISSING_SIGNATURE"
    VARIABLE_TOO_LONG = "local.VARIABLE_TOO_LONG"
    EMPTY_VARIABLE = "local.EMPTY_VARIABLE"
    INVALID_VARIABLE = "local.INVALID_VARIABLE"
    REFUSED_REGION = "local.REFUSED_REGION"
    MISSING_VARIABLE = "local.MISSING_VARIABLE"
    MISSING_MESSAGE = "local.MISSING_MESSAGE"
    MESSAGE_TOO_LONG = "local.MESSAGE_TOO_LONG"
    INVALID_MESSAGE = "local.INVALID_MESSAGE"
    INVALID_SIGNATURE = "local.INVALID_SIGNATURE"
    INVALID_EXTEND_CODE = "local.INVALID_EXTEND_CODE"
    DUPLICATE = "local.DUPLICATE"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One sentence about a code, in English and in Chinese."""

    en: str
    zh: str


LOCAL_MEANINGS: MappingProxyType[LocalCode, Meaning] = MappingProxyType(
    {
        LocalCode.INVALID_NUMBER: Meaning(
            "The phone number is not one this API can reach.", "手机号码无效，或该接口无法送达此号码。"
        ),
        LocalCode.MISSING_NUMBER: Meaning("The row has no phone number.", "该行没有手机号码。"),
        LocalCode.MISSING_SIGNATURE: Meaning(
            "Neither the row nor the task nor the connection names a signature.",
            "该行、任务和连接均未指定短信签名。",
        ),
        LocalCode.VARIABLE_TOO_LONG: Meaning(
            "A template variable is longer than the API allows.", "模板变量的长度超过接口上限。"
        ),
        LocalCode.EMPTY_VARIABLE: Meaning(
            "A template variable is empty and has no default.", "模板变量为空，且没有默认值。"
        ),
        LocalCode.INVALID_VARIABLE: Meaning(
            "A template variable is not a plain value that can be written as text.",
            "模板变量不是可以转换为文本的简单值。",
        ),
        LocalCode.REFUSED_REGION: Meaning(
            "The number belongs to a region this task does not send to.",
            "该号码所属的国家或地区不在本任务的发送范围内。",
        ),
        LocalCode.MISSING_VARIABLE: Meaning(
            "A placeholder of the text has no value.", "短信内容中的占位符没有对应的值。"
        ),
        LocalCode.MISSING_MESSAGE: Meaning("There is no text to send.", "没有可发送的短信内容。"),
        LocalCode.MESSAGE_TOO_LONG: Meaning(
            "The text is longer than 1500 characters.", "短信内容超过 1500 个字符。"
        ),
        LocalCode.INVALID_MESSAGE: Meaning(
            "The text is not a string of valid characters.", "短信内容不是由有效字符组成的文本。"
        ),
        LocalCode.INVALID_SIGNATURE: Meaning(
            "The signature is not a string of valid characters.", "短信签名不是由有效字符组成的文本。"
        ),
        LocalCode.INVALID_EXTEND_CODE: Meaning(
            "The extension code for replies is not made of digits.", "上行短信扩展码只能由数字组成。"
        ),
        LocalCode.DUPLICATE: Meaning(
            "An earlier row is the same recipient, so this one was skipped.",
            "前面已有相同的收信人，该行已跳过。",
        ),
    }
)


class RowRejected(ValueError):  # noqa: N818 - control flow inside the audience, never raised to a user
    """
    A row that cannot become a recipient: it gets a receipt and the campaign goes on without it.

    :param code: why, as a code.
    :param field: the column or key at fault.
    :param reason: why, in words, without the value.
    """

    def __init__(self, *, code: LocalCode, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason

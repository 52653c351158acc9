# SPDX-License-Identifier: Apache-2.0
"""
Write and read the content of a recipient: all it shall receive, as one canonical JSON text.

Equal contents give equal texts. The recipient keys, and through them the tags in the ledger, are hashes of this text,
and a retry tells by them what a recipient was sent. With another form, every running campaign would take its
recipients for recipients under another content.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
# The inner parts of JSONEncoder and JSONDecoder, used directly: these functions run once or more for every recipient,
# and the classes around them add CPU time to each call (docs/performance.md measures the CPU of a whole campaign).
json_text = encode_basestring
_scan: Callable[[str, int], tuple[dict[str, Any], int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

# This text cannot occur inside a value: JSON escapes a quote there, so a comma and a bare quote stand side by side
# only between two fields, or where a value ends with a comma. The first match in a content is therefore the field.
_BEFORE_PARAM = ',"template_param":'
_NO_EXTEND_CODE = f',"sms_up_extend_code":""{_BEFORE_PARAM}{{'


def write_content(
    *, message: str, sign_name: str, sms_up_extend_code: str, template_param: Mapping[str, str]
) -> str:
    """
    Return the content of a recipient as canonical JSON text.

    :param template_param: variables by name. Values that are not text are allowed and take a slower way.
    """
    # Both ways must give the same text, character by character: recipient keys are hashes of it. The names stand in
    # alphabetical order, as sort_keys writes them.
    try:
        pairs = [f"{json_text(name)}:{json_text(value)}" for name, value in sorted(template_param.items())]
        head = content_head(message=message, sign_name=sign_name, sms_up_extend_code=sms_up_extend_code)
        return f"{head}{{{','.join(pairs)}}}}}"
    except TypeError:
        return _encode(
            {
                "message": message,
                "sign_name": sign_name,
                "sms_up_extend_code": sms_up_extend_code,
                "template_param": dict(template_param),
            }
        )


def content_head(*, message: str, sign_name: str, sms_up_extend_code: str) -> str:
    """Return the part of a content that stands before the variables."""
    return (
        f'{{"message":{json_text(message)},"sign_name":{json_text(sign_name)},'
        f'"sms_up_extend_code":{json_text(sms_up_extend_code)}{_BEFORE_PARAM}'
    )


def read_content(content: str) -> dict[str, Any]:
    """Return the fields of a content by name."""
    fields, _ = _scan(content, 0)
    return fields


def have_no_extend_code(contents: Sequence[str]) -> bool:
    """Return whether the extension code is empty in all of some contents."""
    # Counted in all contents at once, because this is asked for every recipient. No content has the text twice: a
    # bare brace follows that name once only, because all variables are texts.
    return "\n".join(contents).count(_NO_EXTEND_CODE) == len(contents)


@dataclass(frozen=True, slots=True, repr=False)
class SharedContent:
    """
    The common fields of contents that differ in their variables only.

    :param template_params: for each content, its variables as the text of a JSON object.
    """

    sign_name: str
    sms_up_extend_code: str
    template_params: Sequence[str]


def shared_content(contents: Sequence[str]) -> SharedContent | None:
    """
    Return the fields that contents share when only their variables differ.

    :param contents: at least one.
    :returns: None when another field differs, or when the contents hold a message.
    """
    head, found, _ = contents[0].partition(_BEFORE_PARAM)
    head += found
    if not found or not all(content.startswith(head) for content in contents):
        return None
    fields = read_content(f"{head}{{}}}}")
    if fields["message"]:
        return None
    length = len(head)
    return SharedContent(
        sign_name=fields["sign_name"],
        sms_up_extend_code=fields["sms_up_extend_code"],
        template_params=[content[length:-1] for content in contents],
    )

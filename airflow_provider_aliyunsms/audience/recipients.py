# SPDX-License-Identifier: Apache-2.0
"""One recipient: a number, what it shall receive, and the key that stands for both in the ledger."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_aliyunsms.audience.local_codes import LOCAL_MEANINGS, LocalCode, RowRejected
from airflow_provider_aliyunsms.audience.numbers import mask_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LOCAL_MEANINGS", "Dedupe", "LocalCode", "Recipient", "RowRejected", "recipient_key"]

Dedupe = Literal["content", "phone"]

_CONTENT_COUNTS: dict[Dedupe, bool] = {"content": True, "phone": False}

# Keys outlive a process: a retry finds its recipients in the ledger by them. Changing this encoder, or the
# payload in recipient_key(), makes every running campaign unrecognisable to its own ledger.
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
# The parts of JSONEncoder and JSONDecoder that do the work: what they put around it, for every recipient of a
# campaign anew, takes as long again.
_text = encode_basestring
_scan: Callable[[str, int], tuple[dict[str, Any], int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, repr=False)
class Recipient:
    """
    One phone number with what it shall receive.

    :param number: eleven digits for a mainland mobile, else country code and number without a plus sign.
    :param sign_name: the signature, China only.
    :param template_param: the template's variables, all strings, China only.
    :param sms_up_extend_code: the extension code for replies, China only.
    :param message: the finished text, Globe only.
    """

    number: str
    sign_name: str = ""
    template_param: Mapping[str, str] = field(default_factory=dict, hash=False)
    sms_up_extend_code: str = ""
    message: str = ""
    _written: str = field(init=False, compare=False)  # what content gave the last time; not set before

    def __repr__(self) -> str:
        return f"Recipient({mask_number(self.number)})"

    @property
    def content(self) -> str:
        """Everything but the number as canonical JSON: equal contents give equal texts."""
        try:
            return self._written
        except AttributeError:
            content = _content(self)
            object.__setattr__(self, "_written", content)
            return content

    @classmethod
    def from_content(cls, *, number: str, content: str) -> Recipient:
        """Put a recipient together again from its number and :attr:`content`."""
        fields, _ = _scan(content, 0)
        return cls(number, **fields)


def recipient_key(*, campaign_id: str, recipient: Recipient, dedupe: Dedupe = "content") -> int:
    """
    The recipient's name in the ledger, a keyed hash that tells nobody the number.

    That two recipients of a campaign of a million share a key has a chance of about 3 in 100 million; the
    later one would then be skipped as a duplicate, with a receipt that says so.

    :param campaign_id: the same recipient has unrelated keys in two campaigns.
    :param dedupe: ``content`` keeps two different messages to one number, ``phone`` only the first one.
    :returns: a signed 64-bit integer, as SQLite stores it.
    """
    payload = _payload(recipient=recipient, dedupe=dedupe)
    # A lone surrogate cannot be sent, but it must not raise an error that carries the text either.
    data = payload.encode("utf-8", "surrogatepass")
    keyed = _keyed_hash(campaign_id).copy()
    keyed.update(data)
    return int.from_bytes(keyed.digest(), "big", signed=True)


def _payload(*, recipient: Recipient, dedupe: Dedupe) -> str:
    number = recipient.number
    if dedupe not in _CONTENT_COUNTS:
        msg = f"dedupe must be 'content' or 'phone', not {dedupe!r}"
        raise ValueError(msg)
    return f"{len(number)}:{number}{recipient.content if _CONTENT_COUNTS[dedupe] else ''}"


def _content(recipient: Recipient) -> str:
    """Write what ``_encode`` would, in half the time when everything is text, as it nearly always is."""
    try:
        pairs = [f"{_text(name)}:{_text(value)}" for name, value in sorted(recipient.template_param.items())]
        return (
            f'{{"message":{_text(recipient.message)},"sign_name":{_text(recipient.sign_name)},'
            f'"sms_up_extend_code":{_text(recipient.sms_up_extend_code)},'
            f'"template_param":{{{",".join(pairs)}}}}}'
        )
    except TypeError:
        return _encode(
            {
                "message": recipient.message,
                "sign_name": recipient.sign_name,
                "sms_up_extend_code": recipient.sms_up_extend_code,
                "template_param": dict(recipient.template_param),
            }
        )


@lru_cache(maxsize=16)
def _keyed_hash(campaign_id: str) -> hashlib.blake2b:
    if not campaign_id:
        msg = "a campaign needs an id"
        raise ValueError(msg)
    secret = hashlib.blake2b(campaign_id.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    return hashlib.blake2b(digest_size=8, key=secret)

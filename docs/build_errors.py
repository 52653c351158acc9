# SPDX-License-Identifier: Apache-2.0
"""
Write the error tables: every code, what it means, what to do.

``python docs/build_errors.py`` after a change of a code table; a test says when it was forgotten.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from airflow_provider_aliyunsms.codes import LOCAL_CODES, CodeClass, CodeInfo, all_codes

HERE = Path(__file__).parent


class Words(NamedTuple):
    """What one language needs."""

    title: str
    introduction: str
    columns: str
    ours: str
    classes: dict[CodeClass, str]


EN = Words(
    "Error codes",
    "Every code, what it means, and what to do: those that can stand in the `code` of a receipt, in the `errors`\n"
    "of a result, and in an error of the log. The search of this site finds them, and leads to the row. In Python:\n"
    '`airflow_provider_aliyunsms.codes.explain("isv.AMOUNT_NOT_ENOUGH")`. Prefixes (`isv.`, `isp.`) and\n'
    "case do not matter. A code that is not listed is taken for *ambiguous*: whatever is not proven to be a refusal\n"
    "may have been accepted. [中文](errors.zh-CN.md)\n\n"
    "This page is written by `python docs/build_errors.py`; do not edit it.",
    "| code | meaning | what to do |",
    "Codes of this package",
    {
        CodeClass.ACCEPTED: "Accepted",
        CodeClass.RETRY: "Not sent; sent again after a wait",
        CodeClass.FLOW_CONTROL: "Refused for now: this number had enough messages",
        CodeClass.RECIPIENT: "Refused: the recipient",
        CodeClass.REQUEST: "Refused: the request",
        CodeClass.CONTENT: "Refused: text or variables",
        CodeClass.DOOMED: "Doomed: nothing else of the campaign would be accepted; the task fails without retries",
        CodeClass.AMBIGUOUS: "Ambiguous: settled by evidence, never sent again by hope",
        CodeClass.NONCE_USED: "Seen before: evidence that a request had arrived",
        CodeClass.QUERY: "Only from queries",
        CodeClass.DELIVERY_OK: "Delivered",
        CodeClass.DELIVERY_FAILED: "Not delivered",
        CodeClass.DELIVERY_PENDING: "Not known yet",
    },
)
ZH = Words(
    "错误码",
    "回执的 `code`、返回值的 `errors` 和日志报错中会出现的全部代码，及其含义和处理办法；"
    "站内搜索可以直接定位到对应的行。"
    '在 Python 中查询：`airflow_provider_aliyunsms.codes.explain("isv.AMOUNT_NOT_ENOUGH")`，'
    "前缀（`isv.`、`isp.`）可以省略，不区分大小写。"
    "未列出的代码一律按“不明确”处理：不能证明被拒，就可能已被受理。[English](errors.md)\n\n"
    "本页由 `python docs/build_errors.py` 生成，请勿手工修改。",
    "| 代码 | 含义 | 处理办法 |",
    "本 Provider 自己的代码",
    {
        CodeClass.ACCEPTED: "已受理",
        CodeClass.RETRY: "未发送，稍后会自动重发",
        CodeClass.FLOW_CONTROL: "暂时被拒：该号码触发流控",
        CodeClass.RECIPIENT: "被拒：收信人的号码",
        CodeClass.REQUEST: "被拒：请求参数",
        CodeClass.CONTENT: "被拒：内容或变量",
        CodeClass.DOOMED: "整批失败：其余调用也不会被受理，任务失败且不重试",
        CodeClass.AMBIGUOUS: "不明确：靠证据判定，不会盲目重发",
        CodeClass.NONCE_USED: "网关见过：证明请求曾经到达",
        CodeClass.QUERY: "仅出现在查询中",
        CodeClass.DELIVERY_OK: "已送达",
        CodeClass.DELIVERY_FAILED: "未送达",
        CodeClass.DELIVERY_PENDING: "等待回执",
    },
)
PAGES = {"errors.md": EN, "errors.zh-CN.md": ZH}


def page(name: str) -> str:
    """Give the text of one page."""
    words = PAGES[name]
    parts = [f"# {words.title}\n\n{words.introduction}\n"]
    parts.append(_table(words.ours, LOCAL_CODES, words))
    for kind, heading in words.classes.items():
        parts.append(_table(heading, tuple(info for info in all_codes() if info.code_class is kind), words))
    return "\n".join(parts)


def _table(heading: str, codes: tuple[CodeInfo, ...], words: Words) -> str:
    lines = [f"## {heading}\n", words.columns, "| --- | --- | --- |"]
    for info in codes:
        meaning, advice = (info.meaning_zh, info.advice_zh) if words is ZH else (info.meaning, info.advice)
        cells = (f"`{info.code}`", meaning, advice)
        lines.append(
            "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for each in PAGES:
        (HERE / each).write_text(page(each), encoding="utf-8")

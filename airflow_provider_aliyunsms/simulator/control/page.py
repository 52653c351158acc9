# SPDX-License-Identifier: Apache-2.0
"""Render the inbox as an HTML page, escaped, without scripts and without resources from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.apis import beijing_time
from airflow_provider_aliyunsms.simulator.numbers import canonical_number

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.memory import Message, State

_STYLE = """
:root { color-scheme: light dark; --page: #eef1f5; --card: #fff; --ink: #1c2430; --soft: #5d6878;
  --line: #dde3ea; --bubble: #e9f3ff; --accent: #ff6a00;
  --pending: #a15c07; --delivered: #1b7a43; --failed: #c53030; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161c; --card: #1b212a; --ink: #e6eaf0; --soft: #93a0b2; --line: #2b3440;
    --bubble: #22354d;
    --pending: #e0a94a; --delivered: #56c787; --failed: #f07878; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "PingFang SC", "Noto Sans CJK SC", sans-serif; }
header { background: var(--card); border-bottom: 1px solid var(--line); border-top: 4px solid var(--accent);
  padding: 1.1rem clamp(1rem, 4vw, 3rem); }
h1 { font-size: 1.25rem; margin: 0; }
.sums { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: .6rem 0 0; padding: 0; list-style: none;
  color: var(--soft); }
.sums b { color: var(--ink); font-variant-numeric: tabular-nums; }
form { margin-top: .8rem; display: flex; gap: .5rem; max-width: 26rem; }
input, button { font: inherit; padding: .35rem .7rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--page); color: inherit; }
input { flex: 1; min-width: 0; }
button { cursor: pointer; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1rem;
  padding: 1.2rem clamp(1rem, 4vw, 3rem) 3rem; align-items: start; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 18px;
  padding: .8rem 1rem 1rem; }
article h2 { display: flex; justify-content: space-between; gap: .5rem; font-size: .95rem; margin: 0; }
article h2 a { color: inherit; text-decoration: none; font-variant-numeric: tabular-nums; }
article h2 a:hover { text-decoration: underline; }
time, .ids { color: var(--soft); font-size: .78rem; font-weight: 400; }
.bubble { background: var(--bubble); border-radius: 4px 16px 16px 16px; margin: .6rem 0 .5rem;
  padding: .55rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.status { font-size: .8rem; font-weight: 600; }
.pending { color: var(--pending); } .delivered { color: var(--delivered); } .failed { color: var(--failed); }
.ids { display: block; overflow-wrap: anywhere; }
.empty { color: var(--soft); grid-column: 1 / -1; text-align: center; padding: 4rem 0; }
"""


def inbox_page(state: State, *, number: str, limit: int) -> str:
    """
    Return an HTML page with the newest messages.

    Costs one pass over the messages shown, however many the inbox holds.

    :param number: shows the messages to this phone number only; empty for all.
    :param limit: the largest number of messages shown.
    """
    wanted = (canonical_number(number) or number) if number else None
    shown = state.inbox.newest(limit=limit, number=wanted)
    bubbles = "\n".join(_bubble(state, message) for message in shown)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Aliyun SMS simulator</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Aliyun SMS simulator</h1>
{_sums(state)}
<form method="get"><input name="number" value="{escape(number)}" placeholder="phone number"
aria-label="phone number"><button>Show</button></form>
</header>
<main>
{bubbles or '<p class="empty">No messages yet.</p>'}
</main>
</body>
</html>
"""


def _sums(state: State) -> str:
    sums = {
        "messages": len(state.inbox),
        "phones": state.inbox.distinct_numbers,
        "repeated": state.inbox.surplus,
        "requests": sum(state.requests.values()),
        "refused": sum(state.refused.values()),
        "open faults": len(state.faults.describe()),
    }
    items = "".join(f"<li><b>{value:,}</b> {name}</li>" for name, value in sums.items())
    return f'<ul class="sums">{items}</ul>'


def _bubble(state: State, message: Message) -> str:
    submission = message.submission
    outcome = state.outcome(message)
    moment = beijing_time(submission.accepted_at)
    note = f" · {outcome.err_code}" if outcome.verdict == "failed" else ""
    ids = (
        submission.template_code,
        submission.label,
        submission.biz_id or message.message_id,
        submission.sender,
    )
    # Whatever came in a request is escaped: unescaped, the text of a message could run as HTML in the browser.
    number = escape(message.number)
    return f"""<article>
<h2><a href="?number={number}">{number}</a>
<time datetime="{moment.isoformat()}">{moment:%m-%d %H:%M:%S}</time></h2>
<div class="bubble">{escape(message.content)}</div>
<span class="status {outcome.verdict}">{outcome.verdict}{escape(note)}</span>
<span class="ids">{escape(" · ".join(part for part in (submission.action, *ids) if part))}</span>
</article>"""

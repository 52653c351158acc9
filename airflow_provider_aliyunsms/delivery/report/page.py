# SPDX-License-Identifier: Apache-2.0
"""Write the report on a campaign as one HTML page that needs nothing but itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.delivery.report.plot import delivery_plot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5c6b7a; --line: #d8dee4; --paper: #fff;
  --good: #2e9e6b; --bad: #d1495b; --open: #b8c0c8; --warn: #e0a030; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #37424e; --paper: #141a20;
  --open: #56626e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 46rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .875rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .5rem; margin: .6rem 0; }
.figure { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .6rem; }
.figure b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: .9rem; border-radius: .45rem; overflow: hidden; background: var(--line);
  margin: .5rem 0; }
.accepted, .delivered { background: var(--good); fill: var(--good); }
.rejected, .failed { background: var(--bad); fill: var(--bad); }
.skipped, .pending { background: var(--open); fill: var(--open); }
.unknown { background: var(--warn); fill: var(--warn); }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; margin: 0 .3rem 0 0; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
svg line { stroke: var(--line); stroke-opacity: .6; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); border-top: 0; overflow-wrap: normal; }
td:first-child { min-width: 4rem; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.n .soft { white-space: normal; }
.wide { overflow-x: auto; }
@media (max-width: 30rem) { svg text { font-size: 20px; } }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } h2, .figures, svg { break-inside: avoid; }
  tr { break-inside: avoid; } .bar, .key { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

_FATES = ("delivered", "failed", "pending")


def report_page(report: Mapping[str, Any]) -> str:
    """
    Return the page for a report, as one HTML text without scripts that loads nothing.

    It fits a phone, prints, and follows the light or dark setting of its reader. Every text of the report is escaped.

    :param report: what :func:`~airflow_provider_aliyunsms.delivery.report.report.campaign_report` returned, also when
        it was stored as JSON in between.
    """
    title = "SMS campaign " + ", ".join(report["campaign_ids"])
    sections = [
        _head(report, title),
        _sent(report),
        *[_delivery(each) for each in report["deliveries"]],
        _groups(report),
        _guards(report["guards"]),
        _cost(report["cost"]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, sections))
        + "\n</body></html>\n"
    )


def _head(report: Mapping[str, Any], title: str) -> str:
    rehearsal = "<p><strong>This was a rehearsal: nothing was sent.</strong></p>" if report["dry_run"] else ""
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p class="soft">{escape(", ".join(report["apis"]))} · from {_time(report["started_at"])} to '
        f"{_time(report['finished_at'])} · {report['requests']:,} calls</p>{rehearsal}"
    )


def _time(stamp: str) -> str:
    return escape(stamp.replace("T", " ").replace("Z", " UTC"))


def _sent(report: Mapping[str, Any]) -> str:
    outcomes = report["outcomes"]
    return f"<h2>Sent</h2>{_bar(outcomes, OUTCOMES)}{_figures(outcomes, ('total', *OUTCOMES))}" + _codes(
        report["codes"], "Who was not accepted, and why"
    )


def _delivery(delivery: Mapping[str, Any]) -> str:
    about = ""
    if delivery["estimated"]:
        low, high = delivery["interval"]
        about = (
            f"<p>A random sample of {delivery['sample_size']:,} of {delivery['accepted']:,} accepted messages: "
            f"{low:.1%} to {high:.1%} of all were delivered (95&nbsp;%).</p>"
        )
    elif delivery["ratio"] is not None:
        about = (
            f"<p>{delivery['ratio']:.2%} of {delivery['accepted']:,} accepted messages were delivered.</p>"
        )
    plot = delivery_plot(delivery["series"])
    keys = " &nbsp; ".join(f'<span class="key {fate}"></span>{fate}' for fate in _FATES)
    shown = f'{plot}<p class="soft">{keys} · by the time since sending ended</p>' if plot else ""
    return f"<h2>Delivered</h2>{about}{_bar(delivery, _FATES)}{_figures(delivery, _FATES)}{shown}" + _codes(
        delivery["codes"], "What the carriers say of the failed ones"
    )


def _groups(report: Mapping[str, Any]) -> str:
    groups = report["groups"]
    if not groups:
        return ""
    rows = [
        [
            escape(name)
            + (
                f'<br><span class="soft">{escape(group["template_code"])}</span>'
                if "template_code" in group
                else ""
            ),
            *[f"{group[field]:,}" if field in group else "–" for field in ("total", "accepted", "delivered")],
            _share(group),
        ]
        for name, group in groups.items()
    ]
    table = _table(("Group", "People", "Accepted", "Delivered", "Share"), rows, left=1)
    compared = "".join(f"<p>{_compared(each)}</p>" for each in report["comparisons"])
    about = (
        '<p class="soft">Share: of the accepted messages, those delivered, with the 95&nbsp;% interval.</p>'
    )
    return f"<h2>Groups</h2>{table}{about}{compared}"


def _share(group: Mapping[str, Any]) -> str:
    if group.get("ratio") is None:
        return "–"
    low, high = group["interval"]
    return f'{group["ratio"]:.1%}<br><span class="soft">{low:.1%} – {high:.1%}</span>'


def _compared(comparison: Mapping[str, Any]) -> str:
    one, other = map(escape, comparison["groups"])
    low, high = (100 * each for each in comparison["interval"])
    difference = 100 * comparison["difference"]
    verdict = "the groups differ" if comparison["is_clear"] else "chance alone may explain it"
    return (
        f"{one} − {other}: {difference:+.1f} percentage points delivered (95&nbsp;%: {low:+.1f} to {high:+.1f}); "
        f"{verdict}."
    )


def _guards(guards: Sequence[Mapping[str, Any]]) -> str:
    if not guards:
        return ""
    rows = [
        [
            escape(each["guard"]),
            escape(each["decision"]),
            escape(each["reason"])
            + (f'<br><span class="soft">{_named(each["figures"])}</span>' if each["figures"] else ""),
        ]
        for each in guards
    ]
    return f"<h2>Guards</h2>{_table(('Guard', 'Decision', 'Reason'), rows, left=3)}"


def _named(figures: Mapping[str, Any]) -> str:
    return escape(", ".join(f"{name} {value}" for name, value in figures.items()))


def _cost(cost: Mapping[str, Any] | None) -> str:
    if cost is None:
        return ""
    text = f"{cost['parts']:,} billing parts"
    if cost["amount"] is not None:
        currency = escape(cost["currency"])
        text += f" at {escape(cost['price'])} {currency}: about <strong>{escape(cost['amount'])} {currency}</strong>"
    return f'<h2>Cost</h2><p>{text}</p><p class="soft">An estimate; the bill of the vendor counts.</p>'


def _codes(codes: Sequence[Mapping[str, Any]], title: str) -> str:
    if not codes:
        return ""
    rows = [
        [
            f"{each['count']:,}",
            f"{escape(each['code'])}<br>{escape(each['meaning'])}<br>"
            f'<span class="soft">{escape(each["advice"])}</span>',
        ]
        for each in codes
    ]
    return _table(("Count", title), rows, left=0, last_left=True)


def _figures(counts: Mapping[str, Any], names: Sequence[str]) -> str:
    shown = "".join(
        f'<div class="figure"><b>{counts[name]:,}</b>'
        + (f'<span class="key {name}"></span>' if name in (*OUTCOMES, *_FATES) else "")
        + f'<span class="soft">{name}</span></div>'
        for name in names
    )
    return f'<div class="figures">{shown}</div>'


def _bar(counts: Mapping[str, Any], names: Sequence[str]) -> str:
    whole = sum(counts[name] for name in names)
    if not whole:
        return ""
    parts = "".join(
        f'<span class="{name}" style="width:{100 * counts[name] / whole:.2f}%"></span>'
        for name in names
        if counts[name]
    )
    return f'<div class="bar" aria-hidden="true">{parts}</div>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int, last_left: bool = False) -> str:
    """Return a table of cells that are HTML already; the first ``left`` columns are texts, the others numbers."""

    def kind(place: int) -> str:
        is_text = place < left or (last_left and place == len(heads) - 1)
        return "" if is_text else ' class="n"'

    head = "".join(f"<th{kind(place)}>{text}</th>" for place, text in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{kind(place)}>{cell}</td>" for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'

# SPDX-License-Identifier: Apache-2.0
"""Plots of the results, one file each."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "bench"  # equal results give equal files

from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen first

COLOURS = {"ours": "#d9480f", "pool": "#1c7ed6", "loop": "#868e96"}


def draw(results, *, folder):
    """Draw what there are results for."""
    for name, plot in PLOTS.items():
        if name in results:
            figure = plot(results[name])
            figure.tight_layout()
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)


def _call(part):
    figure, axes = plt.subplots(figsize=(7, 2.6))
    rows = part["rows"][::-1]
    spread = [
        [row["ms"] - row["quartile_low"] for row in rows],
        [row["quartile_high"] - row["ms"] for row in rows],
    ]
    colours = [COLOURS["ours"] if row["client"] == "ours" else COLOURS["loop"] for row in rows]
    axes.barh([row["client"] for row in rows], [row["ms"] for row in rows], xerr=spread, color=colours)
    axes.set_xlabel("CPU ms for one call with 100 recipients")
    return figure


def _campaign(part):
    latencies = sorted({row["latency_ms"] for row in part["rows"]})
    figure, plots = plt.subplots(
        1, len(latencies), figsize=(4 * len(latencies), 3.2), sharey=True, squeeze=False
    )
    for axes, latency in zip(plots[0], latencies, strict=True):
        for kind, colour in COLOURS.items():
            rows = [row for row in part["rows"] if (row["kind"], row["latency_ms"]) == (kind, latency)]
            rows.sort(key=lambda row: row["size"])
            axes.plot(
                [row["size"] for row in rows], [row["seconds"] for row in rows], color=colour, label=kind
            )
            for row in rows:
                face = "white" if row["extrapolated_from"] else colour
                axes.plot(row["size"], row["seconds"], "o", color=colour, markerfacecolor=face)
        axes.set(xscale="log", yscale="log", xlabel="recipients", title=f"{latency} ms latency")
    plots[0][0].set_ylabel("seconds (hollow: computed)")
    plots[0][0].legend()
    return figure


def _memory(part):
    figure, axes = plt.subplots(figsize=(5, 3))
    rows = part["rows"]
    axes.plot([row["size"] for row in rows], [row["peak_mb"] for row in rows], "o-", color=COLOURS["ours"])
    axes.set(xscale="log", xlabel="recipients", ylabel="peak MB", ylim=(0, None))
    return figure


def _pacing(part):
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in dict.fromkeys(row["limiter"] for row in part["rows"]):
        rows = [row for row in part["rows"] if row["limiter"] == name]
        style = {"color": COLOURS["ours"], "linewidth": 2} if name.startswith("ours") else {"linewidth": 1}
        axes.plot(
            [100 * row["utilisation"] for row in rows],
            [100 * row["worst_window"] / row["limit"] for row in rows],
            "o-",
            label=name,
            **style,
        )
    axes.axhline(100, color="black", linewidth=0.8)
    axes.axvline(98, color="black", linewidth=0.8)
    axes.set(xlabel="% of the limit used", ylabel="worst second, % of the limit")
    axes.legend(fontsize=7)
    return figure


PLOTS = {"call": _call, "campaign": _campaign, "memory": _memory, "pacing": _pacing}

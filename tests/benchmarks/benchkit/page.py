# SPDX-License-Identifier: Apache-2.0
"""The page of the documentation, made of the results alone."""

from __future__ import annotations

from benchkit.goals import goals
from benchkit.sections import SECTIONS
from benchkit.tables import table

HEAD = """# Performance

How long a campaign takes and how much it needs, measured. This page is made by `make bench`, which runs everything
below but the last three parts in one go, in 30 minutes, and writes `docs/bench/results.json` and the plots, too.
`BENCH_QUICK=1` tries it with small sizes, `BENCH_ONLY=call,sensor` runs some parts, `BENCH_10M=0` and `BENCH_FULL=0`
leave the two longest measurements out. *Pacing*, *Several machines* and *Guards* take long:
`BENCH_ONLY=pacing,machines,guards` runs them. The other side is a server that only answers, because the simulator
would be the bottleneck. Client, server and Airflow share the cores, so that seconds at no latency say as much about
the machine as about the client; ratios within a run can be compared, seconds of two runs can not. Each part has its
own date, and says nothing of later versions; a load above the number of cores at its end means that other programs
had a share in its seconds.
"""

LIMITS_NEXT = """## What limits it next

- **The call.** The largest single part of a recipient's CPU is its hundredth of a call: percent-encoding, signing
  and the HTTP client. The loop makes its calls in one thread; threads that hand work over and share the interpreter
  lock need more CPU where the gateway answers at once (see the pool beside the loop).
- **Loading.** The audience is read, checked, keyed and cleared of duplicates before the first call, so that counts
  and rejects are known while nothing was sent yet. That does not overlap with sending.
- **Small campaigns.** Imports, the first and the last writes of the ledger and the receipts take some tenths of a
  second whatever the size, which is what ten thousand recipients show.
- **The ledger's writes.** Calls go on while the ledger is written, as far as was handed out ahead; the first intents
  and the last outcomes have nothing beside them.
- **One process.** All threads share one interpreter lock.
"""


def tables(results):
    """Return all sections there are results for."""
    return "\n".join(SECTIONS[name](results[name]) for name in SECTIONS if name in results)


def page(results):
    """Return the whole page."""
    return "\n".join([HEAD, goals(results), _machines(results), tables(results), LIMITS_NEXT])


def _measured(name, machine):
    return f"{name} {machine['date']} (load {machine['load_after']})"


def _processors(parts):
    """Name each processor with the parts that were measured on it, where they are several."""
    found = {}
    for name, part in parts.items():
        machine = part["machine"]
        shown = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB"
        found.setdefault(shown, []).append(name)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{shown} ({', '.join(names)})" for shown, names in found.items())


def _machines(results):
    parts = {name: part for name, part in results.items() if "machine" in part}
    newest = max((part["machine"] for part in parts.values()), key=lambda each: each["date"])
    facts = [
        ("processor", _processors(parts)),
        ("system", f"{newest['system']}, Python {newest['python']}"),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in newest["versions"].items() if version),
        ),
        ("measured", ", ".join(_measured(name, part["machine"]) for name, part in parts.items())),
    ]
    text = table(("machine", ""), facts)
    if any(part["quick"] for part in parts.values()):
        text += "\n\n**Made with `BENCH_QUICK=1`: small sizes, good for trying the scripts and for nothing else.**"
    return text + "\n"

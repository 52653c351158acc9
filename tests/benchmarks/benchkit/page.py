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

TRIED = (
    ("One write for head and body, and `http.client` without urllib3's steps around it", "HTTP 0.60: kept"),
    ("Responses of the common form by one pattern, all others by `http.client`", "HTTP 0.56 of that: kept"),
    (
        "A thread's next job waits before it is done; the main thread wakes for news only",
        "switches 0.79: kept",
    ),
    ("The JSON and the encoding of signatures kept from call to call", "form 0.59: kept"),
    ("Lines of CSV without quotes cut into columns a block at a time", "loading 0.60: kept"),
    ("JSON lines parsed a block at a time, lists read by the column", "loading 0.58: kept"),
    ("The first bytes of all keys hashed once", "keys 0.91: kept"),
    ("Rows of a resumed campaign numbered a page at a time", "reading back 0.90: kept"),
    ("Sensor: queries in batches, tenacity after a failure only, dates kept", "a query 0.75: kept"),
    ("Percent-encoding by `urllib.parse.quote_plus`", "2.0"),
    (
        "Percent-encoding by replacing one distinct character after the other",
        "0.88 for two, 2.0 for 400 of them",
    ),
    ("Percent-encoding by `binascii` as quoted-printable, whose signs are replaced", "0.95 to 1.28"),
    ('Percent-encoding with frequent pieces such as `,"code":` as one character', "0.95 to 1.5"),
    ("2, 4 or 8 threads instead of 16 where the gateway answers at once", "calls 1.17, 1.26, 1.17"),
    ("Sensor: fewer threads, found by trial beside other work", "no gain in pace, more lag"),
    ("Sensor: 2 threads instead of 16, fixed, nothing else running", "pace 1.13, lag a fifth: not built"),
    ("Keys by `map` over methods instead of one loop", "keys 1.11"),
    ("No garbage collection while modules are imported", "within noise"),
    ("Pacing and Globe modules loaded later", "5 ms of 145"),
)
"""Attempts, and their CPU against that of before; measured once, and not made again by ``make bench``."""

TRIED_HEAD = """## What was tried

Ratios of CPU within one script, old and new in turn, minimum or median of several rounds, on 2 cores beside other
work (November 2026): they say which way to go, and `make bench` does not make them again. Not tried: an event loop
instead of threads. It would need a second HTTP client beside the one that knows which bytes have left.
"""


LIMITS_NEXT = """## What limits it next

Of the lines at the top:

- **CPU against the plain loop.** Percent-encoding of Chinese text and the switches between threads are the largest
  parts of a call now; the HTTP exchange is a third of what it was. What is left above the goal are the loading, which
  the loop does not do in that way, and the ledger's requests to Airflow.
- **CPU in `DAG.test`.** It runs Airflow's API server in the same process: the first request makes that server, and
  each write of the ledger is served there. A task of an executor does not have this CPU, its API server does.
- **The ledger at no latency.** Each window is written with its intents and again with its outcomes, fifty kilobytes
  each time, and the API server that takes them shares the two cores with the task. The faster the calls became, the
  more this shows: seconds with the ledger fell less than those without it. Fewer or smaller writes would change the
  record that a retry reads; that was left for a change of its own.
- **A hundred recipients.** A new ledger asks for each value that must not be there twice, because absence is never
  proof, and looks for eight windows behind the end. Each request to Airflow's API server takes milliseconds.
- **Parsing, against a DAG without a task.** Half of it is what fifty tasks of Airflow's own take as well.
- **The sensor.** Sixteen threads hand the interpreter lock to each other; two make a better pace with less lag where
  the gateway answers at once, and too few where it does not. A number that follows the responses was tried beside
  other work only, and left out.
- **Resume at 0.05 s.** The next try starts a process, loads the audience and reads the ledger back before its first
  call. Where calls are quick, that is as long as what is left to send.

And of the rest: the audience is read, checked, keyed and cleared of duplicates before the first call, so that counts
and rejects are known while nothing was sent yet; the first intents and the last outcomes have no calls beside them;
all threads share one interpreter lock.
"""


def tables(results):
    """Return all sections there are results for."""
    return "\n".join(SECTIONS[name](results[name]) for name in SECTIONS if name in results)


def page(results):
    """Return the whole page."""
    return "\n".join([HEAD, goals(results), _machines(results), tables(results), _tried(), LIMITS_NEXT])


def _tried():
    return f"{TRIED_HEAD}\n{table(('what', 'of before'), TRIED)}\n"


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

# SPDX-License-Identifier: Apache-2.0
"""What each figure means, section by section; every function takes its part of the results."""

from __future__ import annotations

from benchkit import goals
from benchkit.tables import seconds, table, verdict


def call(part):
    rows = [
        (row["client"], f"{row['ms']:.3f}", f"{row['quartile_low']:.3f} to {row['quartile_high']:.3f}")
        for row in part["rows"]
    ]
    return f"""## CPU of one call

CPU time of the calling process for one `SendBatchSms` with 100 recipients and two variables each: encoding,
signing, sending {part["body_bytes"]:,} bytes, reading the answer. The floor is a bare `requests` session that posts a
body which was made before. Median of {part["rounds"]} rounds of {part["calls_per_round"]} calls, the clients in turn.

{table(("client", "ms a call", "middle half"), rows)}

- against the official SDK: {verdict(part["ratio_to_official_sync"], at_most=0.7)}
- against the floor: {verdict(part["ratio_to_floor"], at_most=1.4)}

![CPU of one call](bench/call.svg)
"""


def campaign(part):
    by = {(row["kind"], row["latency_ms"], row["size"]): row for row in part["rows"]}
    rows = []
    for ratio in part["ratios"]:
        key = (ratio["latency_ms"], ratio["size"])
        found = [by.get((kind, *key)) for kind in ("ours", "pool", "loop")]
        rows.append(
            (
                f"{key[0]} ms",
                f"{key[1]:,}",
                *(seconds(row) for row in found),
                ratio["to_pool"],
                ratio["times_the_loop"],
                *(f"{row['cpu_seconds']:.1f}" for row in found),
            )
        )
    runs = max((row["runs"] for row in part["rows"] if row["size"] == goals.SHORT), default=1)
    header = ("latency", "recipients", "ours s", "pool s", "loop s", "ours / pool", "loop / ours")
    header += ("CPU ours s", "CPU pool s", "CPU loop s")
    return f"""## A whole campaign in an Airflow task

Seconds and CPU seconds of `execute` in a task of a real Airflow (scheduler, API server, LocalExecutor) that reads a
CSV file and sends it. *ours*: the operator with everything on, ledger in the task state store and receipts in a
file. *loop*: a `PythonOperator` that calls the official SDK once after the other, as most people write it. *pool*:
the same with {part["width"]} threads, as many calls in flight as ours. Neither of the two checks numbers, knows
duplicates, can be retried safely or says what became of anybody. Medians; campaigns of {goals.SHORT:,} are short, so
*ours* and *pool* were run {runs} times in turn. Figures in brackets are computed from the largest campaign that was
run. Imports of the SDK are not counted, ours are.

{table(header, rows)}

{_campaign_verdicts(part["ratios"])}

![Seconds of a campaign](bench/campaign.svg)
{_plain(part.get("plain", []))}
## What the ledger costs

The same campaign with the ledger and with `durable=False`, in turn; median of the ratios of neighbours.

{_ledger(part["ledger"])}
"""


def _campaign_verdicts(ratios):
    lines = []
    largest = max(ratio["size"] for ratio in ratios)
    for ratio in ratios:
        short = ratio["size"] <= goals.SHORT
        to_pool = verdict(ratio["to_pool"], at_most=goals.TO_POOL_SHORT if short else 1.15)
        lines.append(f"- {ratio['latency_ms']} ms, {ratio['size']:,}: against the pool {to_pool}")
        if ratio["latency_ms"] == 50:
            lines.append(f"  - times the loop: {verdict(ratio['times_the_loop'], at_least=12)}")
        if ratio["latency_ms"] == 0 and ratio["size"] == largest:
            lines.append(f"  - CPU against the loop in a task: {verdict(ratio['cpu_to_loop'], at_most=1.0)}")
    return "\n".join(lines)


def _plain(rows):
    if not rows:
        return ""
    names = {
        "plain": "loop, plain process",
        "loop": "loop, task of the LocalExecutor",
        "ours": "ours, task of the LocalExecutor",
        "ours_dag_test": "ours, task of `DAG.test`",
    }
    shown, lines = [], []
    for row in rows:
        bound = goals.CPU_TO_PLAIN[row["latency_ms"]]
        for kind, words in names.items():
            found = row[kind]
            facts = (f"{row['latency_ms']} ms", f"{row['size']:,}", words)
            shown.append((*facts, found["runs"], found["seconds"], found["cpu_seconds"], found["to_plain"]))
            if kind.startswith("ours"):
                to_plain = verdict(found["to_plain"], at_most=bound)
                lines.append(f"- {facts[0]}, {facts[1]}, {words}: CPU {to_plain}")
    header = ("latency", "recipients", "what", "runs", "seconds", "CPU seconds", "CPU / loop, plain process")
    verdicts = "\n".join(lines)
    return f"""
## CPU against a loop without Airflow

The same loop over the official SDK in a process that imports the SDK and nothing of Airflow, CPU counted after these
imports, beside *ours* in a task of the LocalExecutor, where the API server is another process, and in a task of
`DAG.test` in a fresh process, in which all of Airflow that the task needs runs as well: what is counted is the whole
process from the start of `execute` to its end, with our imports. In turn; median of the ratios of neighbours.

{table(header, shown)}

{verdicts}
"""


def small(part):
    names = {"ours": "ours, `execute`", "bare_call": "official SDK, import and one call"}
    rows = [
        (
            names[row["kind"]],
            row["ms"],
            f"{row['quartile_low']} to {row['quartile_high']}",
            row["cpu_ms"],
        )
        for row in part["rows"]
    ]
    more = part["more"]
    return f"""## A campaign of one call

{part["size"]} recipients at 0 ms, each time in the fresh process that the LocalExecutor forks for a task: `execute`
of the operator with its imports, ledger and receipts, beside a `PythonOperator` that imports the SDK within its
function and makes one call with the same recipients. {part["pairs"]} pairs in turn; the difference is the median of
those of neighbours.

{table(("what", "ms", "middle half", "CPU ms"), rows)}

- more than the bare call, ms: {verdict(more["ms"], at_most=goals.SMALL_MS)}; of CPU: {more["cpu_ms"]:g}
"""


def parse(part):
    rows = [(row["file"], row["tasks"], row["ms"], row["cpu_ms"]) for row in part["rows"]]
    tasks, nothing = part["more_than"]["plain_tasks"], part["more_than"]["nothing"]
    return f"""## Parsing a DAG file

A file with 50 campaigns, of both operators in turn, each with its sensor, is run in a process that has imported
`airflow.sdk` and nothing else, forked anew for each file as Airflow's DAG processor does it; beside it a file with 50
tasks of the kinds `EmptyOperator` and `PythonOperator`, and one without a task. {part["rounds"]} rounds in turn; the
differences are medians of those of neighbours.

{table(("file", "tasks", "ms", "CPU ms"), rows)}

- more than tasks of Airflow's own, ms: {verdict(tasks["ms"], at_most=goals.PARSE_MS)}; of CPU: {tasks["cpu_ms"]:g}
- more than a DAG without a task, ms: {verdict(nothing["ms"], at_most=goals.PARSE_MS)}; of CPU: {nothing["cpu_ms"]:g}
"""


def loading(part):
    rows = [
        (
            row["kind"],
            row["cpu_us"],
            "" if row["kind"] == "CSV" else verdict(row["ratio"], at_most=goals.LOADING),
        )
        for row in part["rows"]
    ]
    return f"""## Loading

CPU for each recipient to load the same {part["size"]:,} people: read, check, make keys, and put into the spool
without duplicates. Three of the forms have two variables for each; a list of numbers has none. Each in a fresh
process, imports not counted; {part["rounds"]} rounds in turn, median of the ratios of neighbours.

{table(("form", "µs a recipient", "against CSV"), rows)}
"""


def stages(part):
    found = part["rows"]
    names = list(found[0]["stages_us"])
    sums = [sum(row["stages_us"].values()) for row in found]
    rows = [(name, *(f"{row['stages_us'][name]:.2f}" for row in found)) for name in names]
    rows += [
        ("not in a stage", *(f"{row['whole_us'] - of:.2f}" for row, of in zip(found, sums, strict=True))),
        ("whole process", *(f"{row['whole_us']:.2f}" for row in found)),
        ("imports before, ms", *(f"{row['imports_ms']:.0f}" for row in found)),
        ("switches a call, waiting", *(f"{row['switches_waiting']:.1f}" for row in found)),
        ("switches a call, forced", *(f"{row['switches_forced']:.1f}" for row in found)),
    ]
    traced = part["system_calls"]
    kernel = (
        "" if traced is None else f"\n`strace` counts {traced:g} system calls of the process for each call."
    )
    return f"""## Where the CPU of a recipient goes

Microseconds of CPU for each recipient of a campaign of {part["size"]:,} at 0 ms through the operator's engine, ledger
and receipts on the local disk, in a fresh process without Airflow. The functions in which a stage begins are replaced
by ones that read the CPU clock of their thread before and after, and leave out what a stage within them took; they
are called for blocks and calls, never for single recipients. *handing over* is the main thread's work between the two
queues, chunks included; *waiting and handing back* that of the threads that make the calls. The whole is that of the
process. Median of {part["rounds"]} runs, stage by stage. A list of numbers has no variables, so its calls are
smaller.

{table(("stage", *(row["kind"] for row in found)), rows)}

The last two lines are the kernel's counts of context switches for each call, of threads that wait and of threads that
are taken from their core.{kernel}
"""


def _ledger(rows):
    shown = []
    for row in rows:
        ratio = verdict(row["ratio"], at_most=goals.LEDGER)
        shown.append((f"{row['latency_ms']} ms", f"{row['size']:,}", row["with"], row["without"], ratio))
    return table(("latency", "recipients", "with s", "without s", "ratio"), shown)


def memory(part):
    rows = [(f"{row['size']:,}", row["peak_mb"], row["seconds"], row["cpu_seconds"]) for row in part["rows"]]
    million = part["growth_mb"].get("1000000")
    return f"""## Memory

Highest resident memory (`VmHWM`) of a process that runs the operator's engine with a ledger and receipts on disk,
one process for each size; the server answers at once.

{table(("recipients", "peak MB", "seconds", "CPU seconds"), rows)}

- growth from a thousand to a million, MB: {verdict(million, at_most=150)}
- further growth to ten million, MB: {verdict(part["growth_from_1m_to_10m_mb"], at_most=50)}

![Peak memory](bench/memory.svg)
"""


def pacing(part):
    limits = sorted({row["limit"] for row in part["rows"]})
    names = list(dict.fromkeys(row["limiter"] for row in part["rows"]))
    by = {(row["limiter"], row["limit"]): row for row in part["rows"]}
    rows = [
        (name, *(_pace(by[name, limit]) for limit in limits), "yes" if name in part["passing"] else "no")
        for name in names
    ]
    return f"""## Pacing

Worst one-second window, wherever it starts, and the share of the limit that was used, both by the server's own
clock. A limiter passes when no window holds more than the limit and at least 98 % of it is used, at every limit.
*ours, whole campaign* is the engine with its ledger and one recipient a call; the other rows are a limiter alone in
front of 16 threads. "+ margin" gives a library the same room for jitter that ours has.

{table(("limiter", *(f"{limit}/s" for limit in limits), "passes"), rows)}

![Pacing](bench/pacing.svg)
"""


def _pace(row):
    excess = "!" if row["worst_window"] > row["limit"] else ""
    return f"{row['worst_window']}{excess}, {100 * row['utilisation']:.1f} %"


def sensor(part):
    rows = [
        (
            f"{row['messages']:,}",
            f"{row['calls']:,}",
            row["seconds"],
            f"{_queries(row):,}",
            row["lag_p99_ms"],
            row["lag_max_ms"],
        )
        for row in part["rows"]
    ]
    largest = max(part["rows"], key=lambda row: row["messages"])
    return f"""## Sensor

From deferring to the verdict on an accepted campaign whose messages have all arrived, in the trigger, without a
limit on its pace. The lag is how much later than asked a 5 ms sleep of the event loop ends, which every other
trigger of the process would feel.

{table(("messages", "queries", "seconds", "queries a second", "lag p99 ms", "lag max ms"), rows)}

- queries a second, {largest["messages"]:,} messages: {verdict(_queries(largest), at_least=goals.QUERIES_A_SECOND)}
- lag p99, ms: {verdict(max(row["lag_p99_ms"] for row in part["rows"]), at_most=goals.LAG_MS)}
"""


def _queries(row):
    return round(row["calls"] / row["seconds"])


def resume(part):
    rows = [
        (
            f"{row['latency_s']:g} s",
            row["width"],
            f"{row['recipients']:,}",
            row["kills"],
            row["rest_s"],
            row["resumed_s"],
            f"{row['chunks_left']}",
            f"{row['sends']} and {row['queries']}",
            row["work"],
            _phases(row),
            verdict(row["ratio"], at_most=goals.RESUME) if row["kills"] == 1 else row["ratio"],
        )
        for row in part["rows"]
    ]
    header = ("latency", "in flight", "recipients", "kills", "rest s", "resumed s", "calls left")
    header += ("sends and queries", "work", "start, loading, look-ups s", "resumed / rest")
    return f"""## Resume after a kill

A process that runs the operator's engine is killed with `kill -9` when half of the messages were accepted (with three
kills: at a quarter each time), and the next try begins at once. *resumed* is the time of that try, from the start of
its process until the last recipient is settled; *rest* is what an undisturbed campaign of the same size, in the same
run, takes from the same number of messages on. The other side is the simulator: every answer takes the latency,
look-ups too. Calls have {part["chunk"]} recipients. `settle_time`, `refusal_wait`, `evidence_wait` and the timeouts
are the defaults; the only parameter that is set is `max_concurrency`, where it is not 16.

*work* is what the resumed try asks for, in calls for each one that was left: a chunk whose intent was written, and
whose outcome was not, is looked up first ({part["queries"]} queries side by side) and, where it had not arrived,
replayed. That is up to two windows of the ledger and two seconds of outcomes, whatever the size of the campaign, so
these small ones show the worst. Nothing here waits for `settle_time` (600 s): that would come on top for a chunk
whose nonce is used and of which there is no record, as `refusal_wait` (60 s) would for a refused chunk. A ledger at
`ledger_path` waits another 30 s once, for the process of the last try to end; here it is as in Airflow's own store.

Of the resumed try, *start* is the start of its process with all imports, *loading* what comes then, up to its first
call: reading the audience and the ledger; *look-ups* are the seconds from there until the last look-up had its
answer, while calls for the rest go on. The undisturbed rest has neither a start nor loading. What was to be reached
is for one kill.

{table(header, rows)}
"""


def _phases(row):
    found = [row.get(name) for name in ("start_s", "load_s", "settle_s")]
    return ", ".join("-" if each is None else f"{each:g}" for each in found) if any(found) else ""


def machines(part):
    ledger = [
        (f"{row['latency_ms']} ms", row["sqlite"], row["postgres"], row["ratio"], row["cpu_ratio"])
        for row in part["ledger"]
    ]
    mapped = [
        (f"{row['tasks']}", f"{row['recipients']:,}", row["seconds"], row["busy"]) for row in part["mapped"]
    ]
    return f"""## Several machines

Airflow's database, and with it the ledger, on PostgreSQL and in a file of SQLite: {part["size"]:,} recipients with
the operator and the LocalExecutor, in turn; median of the ratios of neighbours.

{table(("latency", "SQLite s", "PostgreSQL s", "PostgreSQL / SQLite", "CPU"), ledger)}

The same audience through one task and through mapped tasks, with the CeleryExecutor, PostgreSQL, Redis and two
workers on this machine, {part["mapped_latency_ms"]} ms, 16 calls in flight for each task, no limit of the account.
*seconds* are from the start of the first send to the end of the last one, as Airflow tells them; the processes' start
is part of it. *cores* is how many of this machine's {part["cores"]} cores were busy during the whole run, with the
server and all of Airflow.

{table(("tasks", "recipients", "seconds", "cores"), mapped)}
"""


def guards(part):
    without = ("without guards", part["seconds_without"], part["peak_mb_without"], "", "")
    rows = [
        (words, part[name]["seconds"], part[name]["peak_mb"], part[name]["ratio"], part[name]["cpu_ratio"])
        for name, words in (("local", "without FrequencyCap"), ("all", "with it, its store in a folder"))
    ]
    return f"""## Guards

{part["size"]:,} recipients at {part["latency_ms"]} ms, 16 calls in flight, no limit of the pace, with the ledger on
the local disk: with the guards that ask nobody outside the machine (QuietHours, Fresh, Suppress with a list of
100,000, limits of messages, parts and cost, the usual size), beside the same campaign without any, in turn; median of
{part["pairs"]} runs each. A campaign whose pace is limited takes longer, and the guards do not.

{table(("guards", "seconds", "peak MB", "time / without", "CPU"), [without, *rows])}

All guards without a shared store: {verdict(part["local"]["ratio"], at_most=1.05)}. With a tenth of the recipients and
all guards the peak is {part["peak_mb_tenth"]} MB.

Each of them alone, processor time for each recipient of {part["size"] // 10:,}; a fixed part, such as the reading of
the list, is in it:

{table(("guard", "µs"), part["alone_us"].items())}
"""


SECTIONS = {
    "call": call,
    "campaign": campaign,
    "small": small,
    "parse": parse,
    "loading": loading,
    "stages": stages,
    "memory": memory,
    "sensor": sensor,
    "resume": resume,
    "pacing": pacing,
    "machines": machines,
    "guards": guards,
}

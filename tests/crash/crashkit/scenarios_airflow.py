# SPDX-License-Identifier: Apache-2.0
"""Single scenarios: what people and servers of Airflow do to a campaign."""

from __future__ import annotations

from judging import Verdict
from launcher.processes import alive, stays, wait_for

NOBODY = Verdict(sendable=0, duplicates=0, losses=0, unknown=0, unknown_unsent=0, complaints=())
"""The verdict on a campaign that was not sent and said so."""


def clear_a_finished_task(worlds, *, size):
    """Clear a succeeded task: nothing is sent and the same comes back, to the letter."""
    run = worlds.campaign("china", size=size).begin()
    verdict = run.verdict()
    assert verdict.clean, (verdict, run.logs())
    before = (run.summary(state="success"), run.receipts.read_bytes(), run.sent())
    sends = run.gateway.calls("SendBatchSms")
    tried = run.tries()
    run.world.clear(run.dag_id, run.run_id)
    wait_for(
        lambda: run.tries() > tried and run.finished(), timeout=90, what="the cleared task has run again"
    )
    verdict = run.verdict()
    assert verdict.clean, (verdict, run.logs())
    assert (run.summary(state="success"), run.receipts.read_bytes(), run.sent()) == before
    assert run.gateway.calls("SendBatchSms") == sends
    return verdict


def mark_failed_in_mid_send(worlds, *, size):
    """Mark the task failed: sending stops and stays stopped; a Clear resumes."""
    run = worlds.campaign("china", size=size).begin()
    assert run.wait_until_sent(size // 5)
    pid, _, tried = run.sending_process()
    run.world.set_state(run.dag_id, run.run_id, "failed")
    wait_for(lambda: not alive(pid), timeout=30, what="the process of the failed task is gone")
    stopped_at, calls = run.sent(), run.gateway.calls()
    assert stopped_at < size, "it had finished before it was stopped"
    stays(lambda: run.gateway.calls() == calls, seconds=3, what="nobody calls the gateway")
    assert run.sent() == stopped_at
    assert run.wait_until_finished() == "failed"
    assert "the task was killed" in run.said()
    run.world.clear(run.dag_id, run.run_id)
    wait_for(
        lambda: run.tries() > tried and run.finished(), timeout=90, what="the cleared task has run again"
    )
    return run.verdict()


def kill_the_api_server(worlds, *, size, wait_for_death):
    """
    Kill the API server in mid-campaign and start it again.

    :param wait_for_death: start it only when the task, which cannot write its ledger, has stopped by itself.
    """
    run = worlds.campaign("china", size=size).begin()
    assert run.wait_until_sent(size // 5)
    pid, _, _ = run.sending_process()
    server = run.world.components["api-server"]
    server.end()
    if wait_for_death:
        wait_for(lambda: not alive(pid), timeout=120, what="the task without an API server has stopped")
        assert run.sent() < size, "it went on without a ledger"
    server.start()
    return run.verdict()


def kill_the_dag_processor(worlds, *, size):
    """Kill the DAG processor in mid-campaign, and the task with it; a retry needs neither the old one."""
    run = worlds.campaign("china", size=size).begin()
    assert run.wait_until_sent(size // 5)
    processor = run.world.components["dag-processor"]
    processor.end()
    processor.start()
    return run.verdict()


def time_out(worlds, *, size):
    """Let ``execution_timeout`` end every try that does not finish in time, wherever it is."""
    run = worlds.campaign("china_timed", size=size).begin()
    verdict = run.verdict()
    assert run.tries() > 1, "no try was too slow"
    assert "AirflowTaskTimeout" in run.said()
    return verdict


def clear_in_mid_send(worlds, *, size):
    """Clear the task while it sends: the next try begins beside the one that does not know yet."""
    run = worlds.campaign("china", size=size).begin()
    assert run.wait_until_sent(size // 5)
    _, _, tried = run.sending_process()
    run.world.clear(run.dag_id, run.run_id)
    wait_for(lambda: run.tries() > tried, timeout=90, what="the cleared task runs again")
    return run.verdict()


def die_before_it_begins(worlds, *, size):
    """
    Kill the first try before it could open its ledger: the next one cannot know that nothing was sent.

    It either refuses, with a clear text and nothing sent, or finds out and sends to everybody once.
    """
    run = worlds.campaign("china", size=size, dies_before_it_begins="1").begin()
    if run.wait_until_finished() == "success":
        return run.verdict()
    assert run.sent() == 0
    assert "there is no ledger that says what it sent" in run.said()
    assert run.tries() == 2
    return NOBODY

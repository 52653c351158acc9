# SPDX-License-Identifier: Apache-2.0
"""
One process that makes as many calls as the account's pace lets it, until its standard input ends::

    python -m pacekit.caller --redis 6379 --gateway 1234 --limit 10
"""

from __future__ import annotations

import argparse
import os
import queue
import socket
import sys
import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.pacing import AccountPace, CommonPace, PaceMember, RedisPaceStore
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter, QueryLimits

THREADS = 8


def main():
    arguments = _arguments()
    once = Retry(NoBackoff(), 0)
    client = redis.Redis(port=arguments.redis, socket_timeout=2.0, socket_connect_timeout=2.0, retry=once)
    store = RedisPaceStore(client=client, key="pace", name="pace")
    if arguments.queries:
        return _ask(store, arguments)
    pace = AccountPace(
        store=store,
        limit=arguments.limit,
        connections=THREADS,
        call_lasts=1.0,
        clock=(clock := Clock()),
        urgent=bool(arguments.urgent),
        most=arguments.urgent or None,
    )
    if arguments.urgent:
        return _alert(pace, arguments)
    jobs, idle = queue.SimpleQueue(), threading.Semaphore(THREADS)
    for _ in range(THREADS):
        threading.Thread(target=_call, args=(jobs, idle, pace, clock, arguments), daemon=True).start()
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    with pace:
        while True:
            idle.acquire()
            wait = pace.take(now=clock.monotonic())
            if wait > 0:
                idle.release()
                time.sleep(min(wait, 0.05))
                continue
            # As a campaign writes its ledger between the two.
            time.sleep(arguments.write)
            jobs.put((clock.monotonic(), pace.taken_in))


def _call(jobs, idle, pace, clock, arguments):
    with socket.create_connection(("127.0.0.1", arguments.gateway)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            began, term = jobs.get()
            if pace.may_begin(term):
                time.sleep(arguments.distance)
                connection.sendall(arguments.name.encode())
                connection.recv(1)
                time.sleep(arguments.distance)
                pace.end(started=began, now=clock.monotonic(), opened=False)
            else:
                pace.cancel()
            idle.release()


def _ask(store, arguments):
    """Ask as two sensors of one process do, round after round."""
    common = CommonPace()

    def make():
        return AccountPace(
            store=store, limit=arguments.limit, connections=THREADS, call_lasts=1.0, clock=Clock()
        )

    def watch():
        member = PaceMember(common=common, make=make)
        limiter = QueryLimiter(limits=QueryLimits(max_qps=None))
        while True:
            threads = [
                threading.Thread(target=_round, args=(limiter, member, arguments))
                for _ in range(THREADS // 2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            member.leave()

    for _ in range(2):
        threading.Thread(target=watch, daemon=True).start()
    _end_with_the_input()


def _round(limiter, member, arguments):
    with socket.create_connection(("127.0.0.1", arguments.gateway)) as connection:
        for _ in range(4):
            with limiter.query(member):
                connection.sendall(arguments.name.encode())
                connection.recv(1)


def _alert(pace, arguments):
    """Make so many calls as a notifier does, and end."""
    with socket.create_connection(("127.0.0.1", arguments.gateway)) as connection, pace:
        connection.sendall(b"?")
        connection.recv(1)
        for _ in range(arguments.urgent):
            with pace.call(patience=30.0):
                connection.sendall(arguments.name.encode())
                connection.recv(1)


def _end_with_the_input():
    sys.stdin.read()
    os._exit(0)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", type=int, required=True, help="the port of Redis")
    parser.add_argument("--gateway", type=int, required=True, help="the port of the gateway")
    parser.add_argument("--limit", type=float, required=True, help="calls a second of the account")
    parser.add_argument(
        "--write", type=float, default=0.0, help="seconds that its ledger takes before each call"
    )
    parser.add_argument("--distance", type=float, default=0.0, help="seconds to the gateway, one way")
    parser.add_argument("--name", default="x", help="one letter, by which the gateway knows the calls")
    parser.add_argument("--urgent", type=int, default=0, help="make so many calls of an alert, and end")
    parser.add_argument("--queries", type=int, default=0, help="1: ask as two sensors in one process do")
    return parser.parse_args()


if __name__ == "__main__":
    main()

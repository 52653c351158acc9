# SPDX-License-Identifier: Apache-2.0
"""
Answers of the campaign page's server that nobody has to send a campaign for: long lists, rare states, failures.

What the page shows of real campaigns is tested with a real Airflow; this stands in where that would take hours.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

STATIC = files("airflow_provider_aliyunsms.ui") / "static"
ROOT = "http://127.0.0.1:9"
"""Nobody listens there; the browser is answered before it gets that far."""
ADDRESS = f"{ROOT}/aliyun-sms/"
TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'self'"
)
PARTS = ("total", "accepted", "rejected", "skipped", "unknown", "pending")
CODE = {
    "code": "isv.MOBILE_NUMBER_ILLEGAL",
    "count": 20,
    "meaning": "The phone number is not valid.",
    "meaning_zh": "手机号码不合法。",
    "advice": "Correct the number in the source of the audience.",
    "advice_zh": "请在名单来源中更正该号码。",
}


def now():
    return datetime.now(UTC)


def stamp(*, seconds_ago=0.0):
    return (now() - timedelta(seconds=seconds_ago)).isoformat()


def row(**changes):
    """Return one finished campaign, with some things changed."""
    usual = {
        "dag_id": "spring_campaign",
        "run_id": "manual__2026-03-20T09:00:00+00:00",
        "task_id": "send",
        "map_index": -1,
        "mapped_tasks": None,
        "state": "success",
        "try_number": 1,
        "max_tries": 1,
        "started_at": stamp(seconds_ago=600),
        "ended_at": stamp(seconds_ago=480),
        "campaign_id": "spring-2026",
        "api": "china",
        "dry_run": False,
        "total": 1000,
        "accepted": 940,
        "rejected": 20,
        "skipped": 30,
        "unknown": 10,
        "pending": 0,
        "requests": 12,
        "delivery": {"delivered": 900, "failed": 15, "pending": 25, "at": stamp(seconds_ago=60)},
        "codes": [CODE],
        "pace": None,
        "seconds_left": None,
        "guards": [{"guard": "MaxCost", "decision": "go", "reason": "45.00 CNY of at most 100"}],
        "reported_at": stamp(seconds_ago=480),
    }
    return usual | changes


def sending(**changes):
    """Return one campaign that is under way."""
    under_way = {
        "state": "running",
        "started_at": stamp(seconds_ago=75),
        "ended_at": None,
        "accepted": 400,
        "rejected": 6,
        "skipped": 12,
        "unknown": 0,
        "pending": 582,
        "delivery": None,
        "pace": 5.3,
        "seconds_left": 110,
        "reported_at": stamp(),
    }
    return row(**(under_way | changes))


def detail(of, **changes):
    """Return what the server says of one campaign beside its row."""
    start = datetime.fromisoformat(of["started_at"])
    moments = [(start + timedelta(seconds=10 * step)).isoformat() for step in range(1, 11)]
    sent = [
        {"at": at, "accepted": (of["accepted"] or 0) * step // 10, "rejected": 0, "unknown": 0}
        for step, at in enumerate(moments, start=1)
    ]
    fates = [
        {"at": at, "delivered": (of["accepted"] or 0) * step // 12, "failed": 0, "pending": 0}
        for step, at in enumerate(moments, start=1)
    ]
    numbers = {name: of[name] for name in ("accepted", "rejected", "skipped", "unknown", "requests")}
    times = {name: of[name] for name in ("state", "started_at", "ended_at")}
    usual = {
        "timeline": {"sent": sent, "delivery": fates if of["delivery"] else []},
        "tries": [{"try_number": 1, "ending": None, **times, **numbers}],
        "ledger": {
            "where": "airflow",
            "state": "complete",
            "words": "Every recipient has an outcome written down.",
            "words_zh": "每位收信人的结果都已记录。",
        },
        "clear": {
            "words": "A Clear sends to nobody who was served.",
            "words_zh": "清除后不会再发给已处理的人。",
        },
        "links": {
            "log": "/dags/spring_campaign/runs/x/tasks/send",
            "task": "/dags/spring_campaign/runs/x/tasks/send/details",
            "receipts": None,
            "console": "https://dysms.console.aliyun.com/record",
        },
        "receipts_viewable": True,
    }
    return of | usual | changes


def receipt(number, **changes):
    """Return one masked receipt."""
    usual = {
        "number": number,
        "outcome": "accepted",
        "code": "OK",
        "meaning": "Accepted.",
        "meaning_zh": "已受理。",
    }
    return usual | {"biz_id": "900619746936498440^0", "time": stamp(seconds_ago=500)} | changes


class CannedCampaigns:
    """
    Answer a page's requests below ``/aliyun-sms/``.

    :param page: a page of the browser.
    """

    def __init__(self, page):
        self.rows = []
        self.parts = []
        self.one = None
        self.receipts = []
        self.failure = None
        """A status with which everything is answered, 0 for a connection that breaks."""
        self.calls = Counter()
        self.queries = {}
        self.around = "<!doctype html><title>Airflow</title>"
        page.context.route(f"{ROOT}/**", self._answer)

    def _answer(self, route):
        address = urlsplit(route.request.url)
        path = address.path.removeprefix("/aliyun-sms/")
        if path.startswith("api/"):
            self._answer_api(route, path, {name: value[0] for name, value in parse_qs(address.query).items()})
        elif path == "" or (STATIC / path).is_file():
            file = STATIC.joinpath(path or "index.html")
            kind = f"{TYPES[file.name.rpartition('.')[2]]}; charset=utf-8"
            headers = {"Content-Type": kind, "Content-Security-Policy": POLICY}
            route.fulfill(body=file.read_bytes(), headers=headers)
        else:
            route.fulfill(body=self.around, content_type="text/html")

    def _answer_api(self, route, path, query):
        self.calls[path] += 1
        self.queries[path] = query
        if self.failure is not None:
            if self.failure:
                self._json(route, {"detail": "no"}, status=self.failure)
            else:
                route.abort("connectionrefused")
            return
        answers = {
            "api/campaigns": self._list,
            "api/campaigns/mapped": lambda _: {"campaigns": self.parts},
            "api/campaign": lambda _: self.one,
            "api/receipts": self._receipts,
        }
        answer = answers[path](query)
        self._json(route, answer or {"detail": "unknown"}, status=200 if answer else 404)

    def _json(self, route, answer, *, status=200):
        route.fulfill(body=json.dumps(answer), status=status, content_type="application/json")

    def _list(self, query):
        wanted = {name: query[name] for name in ("dag_id", "run_id", "state") if name in query}
        rows = [each for each in self.rows if all(each[name] == value for name, value in wanted.items())]
        offset, limit = int(query["offset"]), int(query["limit"])
        deliveries = [each["delivery"] or {} for each in rows]
        return {
            "campaigns": rows[offset : offset + limit],
            "total_entries": len(rows),
            "sums": {"campaigns": len(rows)}
            | {name: sum(each[name] or 0 for each in rows) for name in PARTS}
            | {
                name: sum(each.get(source, 0) for each in deliveries)
                for name, source in (("delivered", "delivered"), ("failed", "failed"), ("awaited", "pending"))
            },
            "dag_ids": sorted({each["dag_id"] for each in self.rows}),
            "states": sorted({each["state"] for each in self.rows}),
            "now": stamp(),
        }

    def _receipts(self, query):
        wanted = {name: query[name] for name in ("outcome", "code") if name in query}
        found = [each for each in self.receipts if all(each[name] == value for name, value in wanted.items())]
        offset, limit = int(query["offset"]), int(query["limit"])
        page = found[offset : offset + limit]
        return {"receipts": page, "total_entries": len(found), "where": "xcom"}

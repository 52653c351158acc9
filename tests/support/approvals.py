# SPDX-License-Identifier: Apache-2.0
"""Answer the approvals of a DAG that runs in this process, as Airflow's own API does."""

from __future__ import annotations

import threading
from contextlib import contextmanager


@contextmanager
def answering(option, *, dag_id, user="admin"):
    """Answer the approval of a DAG as soon as it asks, as Airflow's own API does; gives what it showed."""
    shown, errors, stop = [], [], threading.Event()

    def wait_and_answer():
        while not stop.wait(0.2) and not shown:
            try:
                shown.extend(_answer(option, dag_id=dag_id, user=user))
            except Exception as error:  # noqa: BLE001 - told at the end
                # DAG.test would wait for an answer for ever
                errors.append(error)
                _give_up(dag_id)
                return

    thread = threading.Thread(target=wait_and_answer, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        stop.set()
        thread.join(30)
    assert not errors, errors


def _waiting(session, dag_id):
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    return session.scalar(
        select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.state == "awaiting_input")
    )


def _answer(option, *, dag_id, user):
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session

    with create_session() as session:
        waiting = _waiting(session, dag_id)
        if waiting is None:
            return []
        detail = session.get(HITLDetail, waiting.id)
        shown = [detail.subject, detail.body]
        update_hitl_detail(
            dag_id=dag_id,
            dag_run_id=waiting.run_id,
            task_id=waiting.task_id,
            update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[option]),
            user=SimpleAuthManagerUser(username=user, role="admin"),
            session=session,
        )
        return shown


def _give_up(dag_id):
    from airflow.utils.session import create_session

    with create_session() as session:
        _waiting(session, dag_id).state = "failed"

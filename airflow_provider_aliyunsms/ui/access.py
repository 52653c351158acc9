# SPDX-License-Identifier: Apache-2.0
"""
Ask Airflow's auth manager who asks and what he may see; nothing is decided here.

Every address that gives data depends on one of these. They are Airflow's own, in the API server since 3.1.
"""

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Query

TASK = DagAccessEntity.TASK_INSTANCE
XCOM = DagAccessEntity.XCOM


def readable_dags(user: GetUserDep) -> frozenset[str]:
    """Return the ids of the DAGs whose campaigns the person may see."""
    manager = get_auth_manager()
    # Without an id it asks whether there is anything of the kind that the person may see.
    for entity in (TASK, XCOM):
        if not manager.is_authorized_dag(method="GET", access_entity=entity, user=user):
            raise HTTPException(403, "You may not see task instances and their XComs.")
    return frozenset(manager.get_authorized_dag_ids(user=user, method="GET"))


def may_see_campaign(user: GetUserDep, dag_id: Annotated[str, Query()]) -> None:
    """Refuse whoever may not see the task instances and XComs of the DAG, whether there is such a DAG or not."""
    manager = get_auth_manager()
    team = DagModel.get_team_name(dag_id) if hasattr(DagModel, "get_team_name") else None
    details = DagDetails(id=dag_id, **({"team_name": team} if team else {}))
    for entity in (TASK, XCOM):
        if not manager.is_authorized_dag(method="GET", access_entity=entity, details=details, user=user):
            raise HTTPException(403, "You may not see this campaign.")


ReadableDags = Annotated[frozenset[str], Depends(readable_dags)]
MaySeeCampaign = Depends(may_see_campaign)

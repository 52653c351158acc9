# SPDX-License-Identifier: Apache-2.0
"""
Find out what the carriers did with the accepted messages of a campaign.

This layer imports neither Airflow nor an HTTP library. Its centre is
:class:`~airflow_provider_aliyunsms.delivery.watch.Watch`, which sensor and trigger run. Around it:

* ``campaigns`` and ``tracking`` read a send task's result and its receipts,
* ``polling`` and ``query_limiter`` make the queries,
* ``state``, ``checkpoint`` and ``events`` hold what was learned and carry it from process to process,
* ``sampling`` and ``verdict`` decide what the counts mean.
"""

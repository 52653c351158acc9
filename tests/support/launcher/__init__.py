# SPDX-License-Identifier: Apache-2.0
"""
Start real processes for tests, benchmarks and browsers, and end every one of them.

* ``processes``: a command that can be started, killed and started again; waiting for a condition.
* ``environment``: the settings of an Airflow that nobody else uses.
* ``airflow3``: API server, scheduler and DAG processor on loopback, driven through the REST API.
* ``airflow2``: the scheduler of the oldest supported Airflow, in an environment that ``airflow2_environment`` builds.
* ``simulator``: the simulator as a process.
"""

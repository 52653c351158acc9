# SPDX-License-Identifier: Apache-2.0
"""
Send alerts by SMS from Airflow callbacks.

``aliyun_sms`` holds the notifier. ``wording`` renders its templates and makes values that the API accepts as
variables, ``hourly_cap`` limits the messages of an hour, and ``alert`` makes one call for each number. An alert never
raises: a callback that fails must not change what happens to the task.
"""

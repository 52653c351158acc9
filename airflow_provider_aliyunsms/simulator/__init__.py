# SPDX-License-Identifier: Apache-2.0
"""
Simulate the gateway of both Alibaba Cloud SMS APIs on this machine, without sending (extra ``simulator``).

``main`` is the command and ``server`` the HTTP server, which tests start with ``running``. ``gateway`` handles a
request, ``apis`` carries the calls out, ``memory`` holds what they change, ``control`` shows and plans it.
``control_client`` is the Python client of the control calls. It shares no code with the provider's client but the
error classes, so that it can show mistakes there.
"""

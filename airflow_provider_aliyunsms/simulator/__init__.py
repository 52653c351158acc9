# SPDX-License-Identifier: Apache-2.0
"""Simulate the gateway of both Alibaba Cloud SMS APIs on this machine, without sending (extra ``simulator``)."""

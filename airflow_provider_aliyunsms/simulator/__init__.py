# SPDX-License-Identifier: Apache-2.0
"""A local gateway that speaks both Alibaba Cloud SMS APIs (extra ``simulator``)."""

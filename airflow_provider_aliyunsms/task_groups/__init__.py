# SPDX-License-Identifier: Apache-2.0
"""Provide the task group of a whole campaign."""

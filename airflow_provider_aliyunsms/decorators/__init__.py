# SPDX-License-Identifier: Apache-2.0
"""Provide the TaskFlow decorators of the send operators."""

# SPDX-License-Identifier: Apache-2.0
"""Alerts by SMS from callbacks."""

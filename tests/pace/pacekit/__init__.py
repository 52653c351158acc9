# SPDX-License-Identifier: Apache-2.0
"""Several processes that keep one account's pace together, and a gateway that counts what arrives."""

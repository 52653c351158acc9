# SPDX-License-Identifier: Apache-2.0
"""What a person types into the connection form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AccessKey:
    """Unlike any other text, so that a search finds it and nothing else."""

    key_id: str = "LTAItestid99"
    secret: str = "testsecretTypedIntoTheForm"
    token: str = "testtokenTypedIntoTheForm"
    wrong_secret: str = "wrongsecretTypedIntoTheForm"

    @property
    def private(self):
        """Everything that must not be seen again."""
        return (self.secret, self.token, self.wrong_secret)

    @property
    def options(self):
        """The arguments by which the simulator knows them."""
        return (
            "--access-key-id",
            self.key_id,
            "--access-key-secret",
            self.secret,
            "--security-token",
            self.token,
        )

"""The one error of the test rig."""


class RigUnavailable(Exception):
    """A part of the rig cannot be had on this machine; the message is the plain reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

"""Errors of flows that a person can fix. `flows` does not import `smis`, so these are not `SmisError`s.

A class of its own only has what somebody catches.
"""


class FlowError(Exception):
    """The message gives the value, what is allowed, and the likely remedy."""

    exit_code = 2


class StageError(FlowError):
    """A stage failed; the message is its own."""


class DvcError(StageError):
    """DVC itself failed, for example because its remote is unavailable; the message is its own."""


class StoppedError(FlowError):
    """A process was terminated, or not started, because its flow stops."""


class SweepError(FlowError):
    """A sweep asks for what the workspace does not have."""


class ConnectionLostError(FlowError):
    """A server, or another machine, has not answered within the timeout."""


class RefusedError(FlowError):
    """A server answers and refuses the request."""


class SlurmError(FlowError):
    """A command of Slurm failed; the message is its own."""

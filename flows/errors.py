"""What a person can fix in an experiment's order. Flows know no science, so these are not `SmisError`s."""


class FlowError(Exception):
    """The message gives the value, what is allowed, and the likely remedy."""

    exit_code = 2


class DagError(FlowError):
    """There is no DAG here, or it has no such stages."""


class StageError(FlowError):
    """A stage ended with an error, which is the message."""


class DvcError(StageError):
    """DVC itself ended with an error, which is the message: its remote may be away."""


class PortError(FlowError):
    """A port is taken or is no port, or an address is not this machine's."""


class ServiceError(FlowError):
    """A server that we started does not answer."""


class EndedError(FlowError):
    """A process was ended because its flow ends."""


class SweepError(FlowError):
    """A sweep asks for what the workspace does not have."""


class TakenOverError(SweepError):
    """Another sweep goes on with the study of this one."""


class UnfitError(FlowError):
    """This machine cannot run what another could."""


class DeviceError(UnfitError):
    """A training asks for more of a machine than it has."""


class LostError(FlowError):
    """Nothing is heard any more of what another machine had taken."""


class RefusedError(FlowError):
    """A server answers, and refuses what is asked of it."""

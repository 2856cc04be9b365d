"""What a person says when many machines shall prepare a data set, and what a machine is told of its share."""

from pydantic import BaseModel, Field

from flows.names import DatasetInTable, Name


class Prepare(BaseModel, frozen=True, extra="forbid"):
    """Which data set, and on how many machines."""

    dataset: DatasetInTable = Field(title="Data set", description="A name from axes.dataset in params.yaml.")
    machines: int = Field(
        default=2,
        ge=1,
        le=1000,
        title="Machines",
        description="How many shares are made at the same time, each on a machine that runs "
        "`python -m flows.worker --queue shares`.",
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=10,
        title="Retries",
        description="How often the rest of a share that failed or was lost is given away again.",
    )
    lost_after_s: int = Field(
        default=90,
        ge=15,
        le=86_400,
        title="Lost after (seconds)",
        description="The rest of a share of which nothing was heard for so long is given to another machine.",
    )


class Share(BaseModel, frozen=True, extra="forbid"):
    """Chunks of a data set, one after the other: parameters of the `share` deployment, so that everything is plain."""

    dataset: Name = Field(title="Data set")
    first: int = Field(ge=0, title="First chunk")
    stop: int = Field(ge=1, title="Chunk to stop before")
    digest: str = Field(title="Digest", description="Of what these chunks are made of; the machine must have the same.")
    folder: str = Field(
        title="Folder", description="In the DVC remote, for the chunks.", pattern=r"^prepare/\w[\w.-]*$"
    )

    @property
    def name(self) -> str:
        """Return what Prefect's page calls it."""
        return f"{self.dataset} chunks {self.first} to {self.stop - 1}"

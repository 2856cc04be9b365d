"""The checkpoint that a fine-tuning begins with: `train.init_from` of params.yaml."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.params import DRAWN
from pipelines.tracking.cell_outputs import sha256
from smis.core.checkpoint_path import resolve_checkpoint
from smis.core.errors import CheckpointError


@dataclass(frozen=True)
class InitialCheckpoint:
    """A checkpoint, as params.yaml names it, and the SHA-256 of its bytes."""

    named: str
    path: Path
    sha256: str

    @classmethod
    def find(cls, named: str | None) -> "InitialCheckpoint | None":
        """Find the file; none if the first weights are drawn.

        Raises:
            CheckpointError: if there is no such file, or no such model in the zoo.
        """
        if named is None or named == DRAWN:
            return None
        path = resolve_checkpoint(named)
        if not path.is_file():
            raise CheckpointError(
                f"there is no file {path}, which train.init_from names; give a checkpoint (`smis import-checkpoint` "
                f"writes one of a release's), or {DRAWN} to draw the first weights"
            )
        return cls(named, path, sha256([path]))

    def metadata(self) -> dict[str, str]:
        """Return what the checkpoint of the fine-tuning says of it."""
        return {"init_from": self.named, "init_from_sha256": self.sha256}

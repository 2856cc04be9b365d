"""An authors' checkpoint to a checkpoint of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from smis.core.errors import CheckpointError, ParamsError
from smis.published.fit import misfit, unused
from smis.published.reader import read_tensors
from smis.published.releases import Candidate, candidates
from smis.training.export import description, save_weights


@dataclass(frozen=True)
class Imported:
    """What a file turned out to hold: tensors by network, and how many of them are never used, by part."""

    system: str
    preset: str
    tensors: dict[str, int]
    unused: dict[str, int]
    encoder_missing: bool
    """Whether the system has an encoder, but the checkpoint has none."""


def import_checkpoint(
    generator: Path,
    *,
    release: str,
    preset: str,
    out: Path,
    encoder: Path | None = None,
    system: str | None = None,
) -> Imported:
    """Read released files, see that they fit, and write our checkpoint; the same files give the same bytes.

    Every tensor is kept bit for bit, those that the network never uses too. Without `system`, the first system of the
    release whose names and shapes fit is taken.

    Raises:
        CheckpointError: if a file is missing, broken, more than tensors, or fits no system of the release.
        ParamsError: if the release has no such system or preset, or `out` is one of the files to read.
        DiskError: if `out` cannot be written.
    """
    paths = {"generator": generator} | ({"encoder": encoder} if encoder else {})
    if out.resolve() in {path.resolve() for path in paths.values()}:
        raise ParamsError(f"--out {out} is the file to read; give another place")
    possible = candidates(release, preset=preset, system=system)
    files = {name: read_tensors(path) for name, path in paths.items()}
    chosen, networks = _fitting(possible, files, paths)
    tensors = {f"{name}.{key}": tensor for name, own in files.items() for key, tensor in own.items()}
    save_weights(out, tensors, metadata=_metadata(chosen, release))
    return Imported(
        system=chosen.system,
        preset=chosen.preset,
        tensors={name: len(own) for name, own in files.items()},
        unused=unused(networks.generator),
        encoder_missing=networks.encoder is not None and encoder is None,
    )


def _fitting(
    possible: Sequence[Candidate], files: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]
) -> tuple[Candidate, Any]:
    """Return the first candidate that the files fit, with its networks."""
    complaints: list[str] = []
    for candidate in possible:
        networks = candidate.networks()
        complaint = _complaint(candidate, networks, files, paths)
        if complaint is None:
            return candidate, networks
        complaints.append(complaint)
    raise CheckpointError(complaints[0])


def _complaint(
    candidate: Candidate, networks: Any, files: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]
) -> str | None:
    for name, tensors in files.items():
        network = getattr(networks, name)
        if network is None:
            return f"{candidate.system} has no {name}; leave --{name} {paths[name]} out"
        difference = misfit(network, tensors)
        if difference is not None:
            return (
                f"{paths[name]} is not the {name} of {candidate.system} at preset {candidate.preset!r}: {difference}; "
                "is it of another --preset, --release or --system?"
            )
    return None


def _metadata(chosen: Candidate, release: str) -> dict[str, str]:
    data = chosen.data_set
    described = description(
        system=chosen.system,
        config=chosen.config,
        dataset=data.name,
        classes=data.classes,
        palette=data.palette,
        height=data.height,
        width=data.width,
    )
    return described | {"release": release, "preset": chosen.preset}

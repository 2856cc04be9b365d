"""Import: from a checkpoint that authors released to one of this package."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from smis.core.errors import CheckpointError, ParamsError
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import without_memory
from smis.published.published_datasets import dataset_of
from smis.published.release_files import (
    by_network,
    count_unused,
    is_data_parallel,
    read_tensors,
    without_data_parallel,
)
from smis.training.export import description, first_mismatch, save_weights

RELEASES = {
    "smis": ("groupdnet", "vspade"),
    "inade": ("inade",),
    "spade": ("spade", "vspade", "pix2pixhd"),
    "clade": ("clade",),
    "sean": ("sean",),
    "oasis": ("oasis",),
}
"""The systems of each code base, in the order in which a file is taken for one of them."""


@dataclass(frozen=True)
class Candidate:
    """A system at a preset: what a released file may hold.

    Example:
        >>> Candidate("spade", "cityscapes").config.upsamplings
        6
    """

    system: str
    preset: str

    @property
    def config(self) -> Any:
        """The preset, spelled out; no release has codes of training images among its weights."""
        config: Any = SYSTEMS.load(self.system)
        stored = {"exemplars": 0} if "exemplars" in config.model_fields else {}
        return config(preset=self.preset, **stored)

    def networks(self) -> Any:
        """Build the system without memory for its weights: names, shapes and kinds of numbers only."""
        data = dataset_of(self.preset)
        with without_memory():
            return self.config.build(classes=len(data.classes), height=data.height, width=data.width, training=False)


def candidates(release: str, *, preset: str, system: str | None = None) -> list[Candidate]:
    """List what a file of a release may hold, most likely first.

    Where one system was released by two groups at other sizes, `PRESET_RELEASE` goes before `PRESET`.

    Raises:
        ParamsError: if there is no such release, the release has no such system, or no system such a preset.

    Example:
        >>> [(each.system, each.preset) for each in candidates("spade", preset="ade20k")]
        [('spade', 'ade20k'), ('vspade', 'ade20k_spade'), ('vspade', 'ade20k'), ('pix2pixhd', 'ade20k_spade'), \
('pix2pixhd', 'ade20k')]
    """
    if release not in RELEASES:
        raise ParamsError(f"there is no release {release!r}; there are: {', '.join(RELEASES)}")
    systems = RELEASES[release]
    if system is not None and system not in systems:
        raise ParamsError(f"the release {release!r} has no system {system!r}; it has: {', '.join(systems)}")
    presets = {name: SYSTEMS.load(name).presets for name in ([system] if system else systems)}
    found = [
        Candidate(name, variant)
        for name, known in presets.items()
        for variant in (f"{preset}_{release}", preset)
        if variant in known
    ]
    if not found:
        known = ", ".join(sorted(set().union(*presets.values())))
        raise ParamsError(f"there is no preset {preset!r} of {' or '.join(presets)}; there are: {known}")
    return found


@dataclass(frozen=True)
class Imported:
    """What a file holds: number of tensors by network, and of those that are never used, by part."""

    system: str
    preset: str
    tensors: dict[str, int]
    unused: dict[str, int]
    encoder_missing: bool
    """Whether the system has an encoder, but the checkpoint has none."""
    parallel: Sequence[Path] = ()
    """The files whose names began with `module.`, which was taken away."""


def import_checkpoint(
    generator: Path,
    *,
    release: str,
    preset: str,
    out: Path,
    encoder: Path | None = None,
    system: str | None = None,
) -> Imported:
    """Read released files, check that they fit, and write a checkpoint; the same files give the same bytes.

    Every tensor is kept bit for bit, those that the network never uses too; floats of another precision become
    float32. Without `system`, the first system of the release whose names and shapes fit is taken. Without `encoder`,
    the configuration of a system that can do without (INADE) says so.

    Raises:
        CheckpointError: if a file is missing, broken, more than tensors, or fits no system of the release.
        ParamsError: if the release has no such system or preset, or `out` is one of the files to read.
        DiskError: if `out` cannot be written.
    """
    paths = {"generator": generator} | ({"encoder": encoder} if encoder else {})
    if out.resolve() in {path.resolve() for path in paths.values()}:
        raise ParamsError(f"--out {out} is the file to read; give another place")
    possible = candidates(release, preset=preset, system=system)
    given = {name: read_tensors(path) for name, path in paths.items()}
    files = by_network({name: without_data_parallel(tensors) for name, tensors in given.items()}, release=release)
    chosen, networks = _fitting(possible, files, {"encoder": generator} | paths)
    tensors = {f"{name}.{key}": tensor for name, own in files.items() for key, tensor in own.items()}
    save_weights(out, tensors, metadata=_metadata(chosen, release, encoder="encoder" in files))
    return Imported(
        system=chosen.system,
        preset=chosen.preset,
        tensors={name: len(own) for name, own in files.items()},
        unused=count_unused(networks.generator),
        encoder_missing=networks.encoder is not None and "encoder" not in files,
        parallel=[path for name, path in paths.items() if is_data_parallel(given[name])],
    )


def _fitting(
    possible: Sequence[Candidate], files: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]
) -> tuple[Candidate, Any]:
    """Return the first candidate that the files fit, with its networks."""
    complaints: list[str] = []
    for candidate in possible:
        networks = candidate.networks()
        complaint = next(_complaints(candidate, networks, files, paths), None)
        if complaint is None:
            return candidate, networks
        complaints.append(complaint)
    raise CheckpointError(complaints[0])


def _complaints(
    candidate: Candidate, networks: Any, files: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]
) -> Iterator[str]:
    for name, tensors in files.items():
        network = getattr(networks, name)
        if network is None:
            yield f"{candidate.system} has no {name}; leave --{name} {paths[name]} out"
        elif difference := first_mismatch(network, tensors):
            yield (
                f"{paths[name]} is not the {name} of {candidate.system} at preset {candidate.preset!r}: {difference}; "
                "is it of another --preset, --release or --system?"
            )


def _metadata(chosen: Candidate, release: str, *, encoder: bool) -> dict[str, str]:
    data, config = dataset_of(chosen.preset), chosen.config
    if "encoder" in type(config).model_fields:
        config = config.model_copy(update={"encoder": encoder})
    described = description(
        system=chosen.system,
        config=config,
        dataset=data.name,
        classes=data.classes,
        palette=data.palette,
        height=data.height,
        width=data.width,
    )
    return described | {"release": release, "preset": chosen.preset}

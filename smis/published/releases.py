"""Which systems the authors released, and what their files may be."""

from dataclasses import dataclass
from typing import Any

from smis.core.errors import ParamsError
from smis.models.systems import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.published.data_sets import DataSet, data_set_of

RELEASES = {
    "smis": ("groupdnet", "vspade"),
    "inade": ("inade",),
    "spade": ("spade", "vspade", "pix2pixhd"),
}
"""The systems of each code base, in the order in which a file is taken for one of them."""


@dataclass(frozen=True)
class Candidate:
    """A system at a preset: what a released file may hold."""

    system: str
    preset: str

    @property
    def config(self) -> Any:
        """The preset, spelled out."""
        return SYSTEMS.load(self.system)(preset=self.preset)

    @property
    def data_set(self) -> DataSet:
        """The data set of the preset."""
        return data_set_of(self.preset)

    def networks(self) -> Any:
        """Build the system without memory for its weights: names, shapes and kinds of numbers only."""
        data = self.data_set
        with SkipInit():
            return self.config.build(classes=len(data.classes), height=data.height, width=data.width, training=False)


def candidates(release: str, *, preset: str, system: str | None = None) -> list[Candidate]:
    """List what a file of a release may hold, most likely first.

    Where one system was released by two groups at other sizes, `PRESET_RELEASE` goes before `PRESET`.

    Raises:
        ParamsError: if there is no such release, the release has no such system, or no system such a preset.
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

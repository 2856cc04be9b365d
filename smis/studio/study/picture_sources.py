"""Where the pictures of a study come from: a trained system, or pictures that any model made."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from smis.core.errors import ParamsError
from smis.core.seeding import generator
from smis.core.shapes import ImageArray
from smis.styles import ImageStyle, LabelLayout, Synthesizer, to_uint8
from smis.styles.inputs import ArrayOrFile

Pair = tuple[ImageArray, ImageArray]
ReadPicture = Callable[[], ImageArray]

_SMALLEST = 0.01
"""Share of the pixels below which a class is too small for a volunteer to see."""
_UNLIMITED = 1000
_MOST_LAYOUTS = 32
"""Label maps whose layouts are kept."""


class PictureSource(Protocol):
    """Pictures of one system by label map; `number` tells several of one kind apart."""

    @property
    def name(self) -> str:
        """The system's name."""
        ...

    @property
    def label_maps(self) -> Sequence[str]:
        """Names of the label maps."""
        ...

    def regions(self, label_map: str) -> Mapping[str, int]:
        """Return how many pairs there are of each class that can change alone."""
        ...

    def pictures(self, label_map: str) -> int:
        """Return how many single pictures there are."""
        ...

    def unrelated_pairs(self, label_map: str) -> int:
        """Return how many pairs there are that differ in everything."""
        ...

    def picture(self, label_map: str, number: int) -> ImageArray:
        """Return a picture."""
        ...

    def changed(self, label_map: str, region: str, number: int) -> Pair:
        """Return two pictures of which the second differs in one class."""
        ...

    def unrelated(self, label_map: str, number: int) -> Pair:
        """Return two pictures that differ in everything."""
        ...


class CheckpointPictures:
    """Pictures that a trained system makes of label maps.

    A system that has one latent for the whole image resamples that in place of a class's, as in GroupDNet's table.

    Args:
        name: The system's name in the results.
        synth: The trained system.
        label_maps: Label maps by name, as `synth.layout` takes them.
        seed: Seed of all pictures.
        classes: Names of the classes that may change; all that cover a hundredth of a label map, if none is named.
        instance_maps: Instance maps by the name of their label map.

    Raises:
        ParamsError: if the system has no class of a name.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> source = CheckpointPictures("inade", synth, {"one": "labels.png"}, seed=0)
        >>> list(source.regions("one"))
        ['background', 'hair', 'face', 'top', 'skin']
        >>> before, after = source.changed("one", "hair", 0)
        >>> before.shape, bool((before == after).all())
        ((32, 64, 3), False)
    """

    def __init__(
        self,
        name: str,
        synth: Synthesizer,
        label_maps: Mapping[str, ArrayOrFile],
        *,
        seed: int,
        classes: Sequence[str] = (),
        instance_maps: Mapping[str, ArrayOrFile] | None = None,
    ) -> None:
        unknown = [each for each in classes if each not in synth.classes]
        if unknown:
            raise ParamsError(f"{name} has no class {unknown[0]!r}; there are: {', '.join(synth.classes)}")
        self.name, self.label_maps = name, sorted(label_maps)
        self._synth, self._maps, self._seed = synth, label_maps, seed
        self._classes, self._instances = classes, instance_maps or {}
        self._layouts: dict[str, LabelLayout] = {}

    def regions(self, label_map: str) -> Mapping[str, int]:
        """Return a number of pairs for each class of the label map; none for a system that makes one picture."""
        if self._synth.varies == "nothing":
            return {}
        labels = self._layout(label_map).labels[0].flatten().cpu()
        shares = torch.bincount(labels, minlength=len(self._synth.classes)) / labels.numel()
        names = [name for name, share in zip(self._synth.classes, shares.tolist(), strict=True) if share >= _SMALLEST]
        return dict.fromkeys([name for name in names if not self._classes or name in self._classes], _UNLIMITED)

    def pictures(self, label_map: str) -> int:
        """Return a large number, or 1 for a system that makes one picture."""
        return 1 if self._synth.varies == "nothing" else _UNLIMITED

    def unrelated_pairs(self, label_map: str) -> int:
        """Return a large number, or 0 for a system that makes one picture."""
        return 0 if self._synth.varies == "nothing" else _UNLIMITED

    def picture(self, label_map: str, number: int) -> ImageArray:
        """Synthesize a picture."""
        return self._synthesized(self._style(label_map, "picture", number))

    def changed(self, label_map: str, region: str, number: int) -> Pair:
        """Synthesize a picture, and one with a class resampled."""
        before = self._style(label_map, region, number)
        seed = self._sample_seed(label_map, region, number, "resampled")
        after = before.resample(None if self._synth.varies == "global" else [region], seed=seed)
        return self._synthesized(before), self._synthesized(after)

    def unrelated(self, label_map: str, number: int) -> Pair:
        """Synthesize two pictures that have nothing but the label map in common."""
        first, second = (self._style(label_map, "unrelated", 2 * number + each) for each in (0, 1))
        return self._synthesized(first), self._synthesized(second)

    def _layout(self, label_map: str) -> LabelLayout:
        if label_map not in self._layouts:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[label_map] = self._synth.layout(self._maps[label_map], self._instances.get(label_map))
        return self._layouts[label_map]

    def _style(self, label_map: str, purpose: str, number: int) -> ImageStyle:
        return self._synth.sample(self._layout(label_map), seed=self._sample_seed(label_map, purpose, number))

    def _sample_seed(self, *purpose: str | int) -> int:
        return generator(self._seed, "study", *purpose).initial_seed()

    def _synthesized(self, style: ImageStyle) -> ImageArray:
        return to_uint8(self._synth(style.layout, style))[0]


class SampledPictures:
    """Pictures that a model made before, read when they are needed.

    Args:
        name: The system's name in the results.
        everything: Pictures of each label map that differ in everything.
        regions: By class and label map, pictures that differ in that class only; neighbors make a pair.

    Example:
        >>> gray = to_uint8(torch.zeros(1, 3, 4, 8))[0]
        >>> source = SampledPictures("mine", {}, {"class 3": {"one": [lambda: gray, lambda: gray]}})
        >>> source.label_maps, source.regions("one")
        (['one'], {'class 3': 1})
    """

    def __init__(
        self,
        name: str,
        everything: Mapping[str, Sequence[ReadPicture]],
        regions: Mapping[str, Mapping[str, Sequence[ReadPicture]]],
    ) -> None:
        self.name = name
        self._everything, self._regions = everything, regions
        self.label_maps = sorted({*everything, *(label_map for maps in regions.values() for label_map in maps)})

    def regions(self, label_map: str) -> Mapping[str, int]:
        """Return the number of pairs of each class."""
        pairs = {region: len(maps.get(label_map, ())) // 2 for region, maps in self._regions.items()}
        return {region: count for region, count in pairs.items() if count}

    def pictures(self, label_map: str) -> int:
        """Return the number of single pictures."""
        return len(self._singles(label_map))

    def unrelated_pairs(self, label_map: str) -> int:
        """Return the number of pairs that differ in everything."""
        return len(self._everything.get(label_map, ())) // 2

    def picture(self, label_map: str, number: int) -> ImageArray:
        """Read a picture."""
        return self._singles(label_map)[number]()

    def changed(self, label_map: str, region: str, number: int) -> Pair:
        """Read two neighbors of the samples of one class."""
        return _neighbors(self._regions[region][label_map], number)

    def unrelated(self, label_map: str, number: int) -> Pair:
        """Read two neighbors of the samples of everything."""
        return _neighbors(self._everything[label_map], number)

    def _singles(self, label_map: str) -> Sequence[ReadPicture]:
        return self._everything.get(label_map) or [
            read for maps in self._regions.values() for read in maps.get(label_map, ())
        ]


def _neighbors(pictures: Sequence[ReadPicture], number: int) -> Pair:
    return pictures[2 * number](), pictures[2 * number + 1]()

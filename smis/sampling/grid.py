"""The samples that a training shows: rows are label maps, columns are what the system makes of them."""

from collections.abc import Sequence

import numpy as np

from smis.core.batch import Batch
from smis.core.contact_sheet import Group, color_labels, tile
from smis.core.images import to_uint8
from smis.core.shapes import PictureLabels
from smis.sampling.sampler import Samplable, Sampler


def sample_groups(
    system: Samplable, label_maps: Sequence[Batch], *, palette: Sequence[Sequence[int]], seed: int, samples: int = 3
) -> list[Group]:
    """Make the columns labels, real, `samples` that vary everything, `samples` that vary one class; one row a map.

    The class that varies is the largest one of the map but for the very largest, which is often the background.
    """
    sampler = Sampler(system, seed=seed, batch=samples, device="cpu" if not label_maps else label_maps[0].image.device)
    shown, everything, one_class = [], [], []
    for one in label_maps:
        labels = one.labels[0].cpu().numpy().astype(np.uint8)
        shown.append([tile(color_labels(labels, palette), smooth=False), tile(to_uint8(one.image)[0])])
        everything.append([tile(made.image) for made in sampler.vary_all(one, samples=samples)])
        drawn = sampler.vary_class(one, chosen=_varied(labels), samples=samples)
        one_class.append([tile(made.image) for made in drawn])
    return [Group("labels, real", shown), Group("everything varies", everything), Group("one class varies", one_class)]


def _varied(labels: PictureLabels) -> int:
    classes, pixels = np.unique(labels, return_counts=True)
    return int(classes[np.argsort(pixels)[-2:][0]])

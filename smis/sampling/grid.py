"""The sample grid of a training run: one row per label map, columns of images that the system generates."""

from collections.abc import Sequence

import numpy as np

from smis.core.batch import Batch
from smis.core.contact_sheet import Group, color_labels, tile
from smis.core.images import to_uint8
from smis.core.shapes import LabelArray
from smis.sampling.sampler import Samplable, Sampler


def sample_groups(
    system: Samplable, label_maps: Sequence[Batch], *, palette: Sequence[Sequence[int]], seed: int, samples: int = 3
) -> list[Group]:
    """Return columns of labels, real images, `samples` that vary all latents, and `samples` that vary one class.

    The varied class is the second largest of the label map; the largest is often the background.
    """
    sampler = Sampler(system, seed=seed, batch=samples, device="cpu" if not label_maps else label_maps[0].image.device)
    inputs, all_varied, class_varied = [], [], []
    for label_map in label_maps:
        labels = label_map.labels[0].cpu().numpy().astype(np.uint8)
        inputs.append([tile(color_labels(labels, palette), smooth=False), tile(to_uint8(label_map.image)[0])])
        all_varied.append([tile(row.image) for row in sampler.vary_all(label_map, samples=samples)])
        rows = sampler.vary_class(label_map, chosen=_second_largest(labels), samples=samples)
        class_varied.append([tile(row.image) for row in rows])
    return [
        Group("labels, real", inputs),
        Group("everything varies", all_varied),
        Group("one class varies", class_varied),
    ]


def _second_largest(labels: LabelArray) -> int:
    classes, pixels = np.unique(labels, return_counts=True)
    return int(classes[np.argsort(pixels)[-2:][0]])

"""Class crops on layouts whose answer is known; the released ones stand in `tests/references`."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from smis.nn.class_crops import class_crops


def square(labels):
    labels = torch.tensor(labels)[None]
    image = torch.arange(1.0, labels.numel() + 1).view(1, 1, *labels.shape[1:]) / 100
    return image.expand(-1, 3, -1, -1), labels


def test_a_class_is_stretched_from_its_box_to_the_whole_picture():
    image, labels = square([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    crops = class_crops(image, labels, classes=2).dense()
    expected = image[0, 0, 1:3, 1:3].repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(crops[0, 3:], expected.expand(3, -1, -1))


def test_other_classes_inside_the_box_are_zero():
    image, labels = square([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    crops = class_crops(image, labels, classes=2).dense()
    assert torch.equal(crops[0, 3:] != 0, (labels == 1).expand(3, -1, -1))
    assert torch.equal(crops[0, :3], image[0] * (labels == 0))


def test_a_class_that_is_absent_is_zero():
    image, labels = square([[0, 0, 2, 2]] * 4)
    crops = class_crops(image, labels, classes=4).dense().unflatten(1, (4, 3))
    assert [bool(crop.any()) for crop in crops[0]] == [True, False, True, False]


def test_a_class_whose_pixels_cancel_in_every_column_is_passed_on_uncut():
    labels = torch.tensor([[[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
    image = torch.full((1, 3, 4, 4), 0.5)
    image[:, :, 1] = -0.5
    crops = class_crops(image, labels, classes=2).dense()
    assert torch.equal(crops[0, 3:], image[0] * (labels == 1))


def test_a_picture_is_cropped_like_the_same_picture_alone():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 3, 8, 16, generator=generator) * 2 - 1
    labels = torch.randint(0, 5, (3, 8, 16), generator=generator)
    together = class_crops(image, labels, classes=5).dense()
    alone = [class_crops(image[n : n + 1], labels[n : n + 1], classes=5).dense() for n in range(3)]
    assert torch.equal(together, torch.cat(alone))


def cropped_plainly(image, mask):
    """The box of the mask, resized to the whole image by the nearest pixel."""
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    box = (..., slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1))
    return functional.interpolate((image * mask)[None][box], size=image.shape[1:], mode="nearest")[0]


@given(height=st.integers(1, 12), width=st.integers(1, 12), classes=st.integers(1, 6), data=st.data())
def test_crops_of_any_label_map_are_those_of_the_plain_definition(height, width, classes, data):
    size = height * width
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=size, max_size=size))
    labels = torch.tensor(labels).view(1, height, width)
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(size)) + 0.1
    crops = class_crops(image, labels, classes=classes).dense().unflatten(1, (classes, 3))[0]
    for number, crop in enumerate(crops):
        mask = labels[0] == number
        assert torch.equal(crop, cropped_plainly(image[0], mask) if mask.any() else torch.zeros_like(image[0]))

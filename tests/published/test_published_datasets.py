import pytest

from smis.models.system_registry import SYSTEMS
from smis.published.published_datasets import PUBLISHED, dataset_of, distinct_colors

SIZES = {
    "ade20k": (151, 256, 256),
    "celebamask": (19, 256, 256),
    "cityscapes": (35, 256, 512),
    "clothing": (12, 128, 64),
    "coco": (183, 256, 256),
    "deepfashion": (8, 256, 256),
    "facades": (13, 256, 256),
    "paperdoll": (8, 64, 64),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_class_of_a_data_set_has_a_name_of_its_own_and_a_color(name: str) -> None:
    data = dataset_of(name)
    assert (len(data.classes), data.height, data.width) == SIZES[name]
    assert len(set(data.classes)) == len(data.classes) == len(data.palette)
    assert all(known == known.strip() and known for known in data.classes)
    assert all(0 <= channel <= 255 for color in data.palette for channel in color)


@pytest.mark.parametrize(
    ("name", "number", "called"),
    [
        ("ade20k", 0, "other"),
        ("ade20k", 1, "wall"),
        ("ade20k", 21, "car"),
        ("ade20k", 150, "flag"),
        ("celebamask", 13, "hair"),
        ("cityscapes", 10, "rail track"),
        ("cityscapes", 26, "car"),
        ("coco", 0, "person"),
        ("coco", 91, "banner"),
        ("coco", 181, "wood"),
        ("coco", 182, "unlabeled"),
        ("deepfashion", 1, "hair"),
        ("facades", 12, "shop"),
    ],
)
def test_classes_are_numbered_as_in_the_label_maps(name: str, number: int, called: str) -> None:
    assert dataset_of(name).classes[number] == called


def test_a_variant_has_the_data_set_of_its_first_word() -> None:
    assert dataset_of("ade20k_spade") == dataset_of("ade20k")


def test_a_preset_of_another_size_has_the_classes_of_its_data_set() -> None:
    large, data = dataset_of("clothing_large"), dataset_of("clothing")
    assert (large.height, large.width) == (192, 128)
    assert (large.name, large.classes, large.palette) == (data.name, data.classes, data.palette)


def test_cityscapes_has_its_official_colors() -> None:
    data = dataset_of("cityscapes")
    assert dict(zip(data.classes, data.palette, strict=True))["road"] == (128, 64, 128)


def test_every_preset_of_every_system_is_of_a_known_data_set() -> None:
    presets = {preset for name in SYSTEMS for preset in SYSTEMS.load(name).presets}
    assert {dataset_of(preset).name for preset in presets} <= set(PUBLISHED)
    assert dataset_of("custom") == dataset_of("celebamask"), "what SEAN's release shows its reader of files with"


def test_colors_by_rule_are_those_of_pascal_voc_and_all_different() -> None:
    colors = distinct_colors(256)
    assert colors[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert colors[15] == (192, 128, 128)
    assert len(set(colors)) == 256

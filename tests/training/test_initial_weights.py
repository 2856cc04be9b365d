"""Weights follow classes by name: into another order, among new classes, and not into another system."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.core.style import Style
from smis.models.system_registry import SYSTEMS
from smis.training.export import description, read_checkpoint, save_weights, tensors_of
from smis.training.initial_weights import NETWORKS, CarriedOver, Target, initialize_from

SIZE = 32
CLASSES = ("sky", "sea", "sand", "tree", "road", "wall")
REORDERED = ("tree", "sky", "wall", "sea", "road", "sand")
PAIRS_REORDERED = ("road", "wall", "sky", "sea", "sand", "tree")
"""Where groups merge, two classes that share one must do so again: another order is another network."""
TINY: dict[str, Any] = {
    "width": 2,
    "encoder_width": 2,
    "encoder_size": 32,
    "hidden": 4,
    "slots": 12,
    "upsamplings": 4,
    "levels": 5,
    "discriminator": {"width": 4},
}
EDGED = {"conditioning": "edged", "groups": [6, 6, 6, 3, 3, 1, 1, 1], "encoder_width": 12, "width": 12, "preset": None}
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    **{name: (name, {}, PAIRS_REORDERED if name in ("groupdnet", "groupdec") else REORDERED) for name in SYSTEMS},
    "groupdnet, edged": ("groupdnet", EDGED, PAIRS_REORDERED),
    "groupdnet, classwise": (
        "groupdnet",
        {**EDGED, "conditioning": "classwise", "start_per_class": 2, "multiples": [2, 2, 2, 2, 2, 1]},
        PAIRS_REORDERED,
    ),
    "pix2pixhd, enhanced": ("pix2pixhd", {"generator": "enhanced", "edges": True, "features": 2}, REORDERED),
    "pix2pixhd, spade": ("pix2pixhd", {"variant": "spade", "downsamplings": 2}, REORDERED),
    "dscgan, global": ("dscgan", {"network": "global", "downsamplings": 2, "blocks": 2, "edges": True}, REORDERED),
    "inade without encoder": ("inade", {"encoder": False}, REORDERED),
    "clade, edges, encoder": ("clade", {"edges": True, "variational": True}, REORDERED),
    "clade, icpe": ("clade", {"positions": True, "unmapped": []}, REORDERED),
}


def config_of(name: str, **changed: Any) -> Any:
    kind = SYSTEMS.load(name)
    tiny = {key: value for key, value in TINY.items() if key in kind.model_fields}
    section = {"preset": "paperdoll"} | tiny | changed
    return kind.model_validate({key: value for key, value in section.items() if value is not None or key != "preset"})


def target_of(name: str, classes: tuple[str, ...] = CLASSES, *, size: int = SIZE, **changed: Any) -> Target:
    return Target(name, config_of(name, **changed), classes, size, 2 * size)


def built(target: Target, seed: int) -> Any:
    torch.manual_seed(seed)
    shape = {"classes": len(target.classes), "height": target.height, "width": target.width}
    system = target.config.build(**shape, training=False)
    for weight in system.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    for name, buffer in system.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return system.eval()


def saved(folder: Path, target: Target, system: Any, *, networks: tuple[str, ...] = NETWORKS) -> Path:
    metadata = description(
        system=target.name,
        config=target.config,
        dataset="toy",
        classes=target.classes,
        palette=[(n, n, n) for n in range(len(target.classes))],
        height=target.height,
        width=target.width,
    )
    present = {part: network for part in networks if (network := getattr(system, part)) is not None}
    save_weights(folder / "checkpoint.safetensors", tensors_of(present), metadata=metadata)
    return folder / "checkpoint.safetensors"


def started(path: Path, target: Target, **options: Any) -> tuple[Any, CarriedOver]:
    system = built(target, 1)
    return system, initialize_from(system, read_checkpoint(path, SYSTEMS), target, **options)


def batch_of(target: Target) -> Batch:
    draws = generator(0, "test")
    labels = torch.randint(0, len(target.classes), (2, 4, 8), generator=draws)
    labels = labels.repeat_interleave(SIZE // 4, dim=1).repeat_interleave(SIZE // 4, dim=2)
    image = torch.rand(2, 3, SIZE, 2 * SIZE, generator=draws) * 2 - 1
    return Batch(image.double(), labels, labels.clone(), ("a", "b"))


def as_classes_of(style: Style, order: Tensor) -> Style:
    return style if style.classes is None else replace(style, classes=style.classes[:, order])


def _double(code: Any) -> Any:
    return code.double() if isinstance(code, Tensor) else code


@contextmanager
def in_double_precision(*systems: Any) -> Iterator[None]:
    for system in systems:
        system.double()
        system.generator.register_forward_pre_hook(lambda network, inputs: (_double(inputs[0]), *inputs[1:]))
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("case", CASES)
def test_classes_in_another_order_make_the_same_images_codes_and_verdicts(case: str, tmp_path: Path) -> None:
    name, changed, order = CASES[case]
    here, there = target_of(name, order, **changed), target_of(name, **changed)
    old = built(there, 0)
    new, carried = started(saved(tmp_path, there, old), here)
    assert (carried.entries, carried.anew, carried.new_classes) == (carried.total, [], [])
    assert any(not a.equal(b) for a, b in zip(new.state_dict().values(), old.state_dict().values(), strict=True))
    places = torch.tensor([CLASSES.index(each) for each in order])
    batch, numbers = batch_of(there), places.argsort()
    moved = replace(batch, labels=numbers[batch.labels])
    with in_double_precision(old, new):
        style = old.sample(batch.labels, batch.instances, Noise(generator(3, "test")))
        image = old.synthesize(batch.labels, batch.instances, style)
        again = new.synthesize(moved.labels, moved.instances, as_classes_of(style, places))
        torch.testing.assert_close(again, image, rtol=1e-8, atol=1e-8)
        assert image.std() > 0.01
        codes = old.encode(batch.image, batch.labels, batch.instances, None)
        found = new.encode(moved.image, moved.labels, moved.instances, None)
        for key, code in vars(as_classes_of(codes, places)).items():
            if code is not None and code.is_floating_point():
                torch.testing.assert_close(vars(found)[key], code, rtol=1e-8, atol=1e-8)
        ours, theirs = (
            each.discriminator_terms(b, Noise(generator(3, "test")), image) for each, b in ((new, moved), (old, batch))
        )
    for terms in (ours, theirs):
        terms.pop("D_LabelMix", None)  # coins are drawn in the order of classes
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_the_same_classes_take_every_bit(case: str, tmp_path: Path) -> None:
    name, changed, _ = CASES[case]
    target = target_of(name, **changed)
    old = built(target, 0)
    new, carried = started(saved(tmp_path, target, old), target)
    assert carried.entries == carried.total == sum(tensor.numel() for tensor in old.state_dict().values())
    for key, tensor in old.state_dict().items():
        assert new.state_dict()[key].equal(tensor), key


def test_a_class_among_new_ones_keeps_what_is_its_own_and_the_new_ones_begin_anew(tmp_path: Path) -> None:
    there, here = target_of("inade"), target_of("inade", ("wall", "moon", "lake"))
    old = built(there, 0)
    fresh = built(here, 1)
    new, carried = started(saved(tmp_path, there, old), here, renamed={"lake": "sea"})
    assert (dict(carried.classes), carried.new_classes) == ({"wall": "wall", "lake": "sea"}, ["moon"])
    assert carried.anew == []
    table, before, first = (each.generator.head_0.norm_0.weight for each in (new, old, fresh))
    assert table[0].equal(before[5])
    assert table[1].equal(first[1])
    assert table[2].equal(before[1])
    judge, before, first = (each.discriminator.discriminator_0.model0[0].weight for each in (new, old, fresh))
    assert judge[:, 0].equal(before[:, 5])
    assert judge[:, 1].equal(first[:, 1])
    assert judge[:, 3:].equal(before[:, 6:]), "the edges and the image come after the classes"


def test_groups_of_as_many_channels_for_each_class_keep_the_classes_that_are_known(tmp_path: Path) -> None:
    there = target_of("groupnet", width=6, encoder_width=6)
    here = target_of("groupnet", ("tree", "moon", "sky", "sea", "road", "wall"), width=6, encoder_width=6)
    old = built(there, 0)
    fresh = built(here, 1)
    new, carried = started(saved(tmp_path, there, old), here)
    assert (carried.new_classes, carried.anew) == (["moon"], [])
    kernel, before, first = (each.encoder.layer1[0].weight_orig.unflatten(0, (6, -1)) for each in (new, old, fresh))
    assert kernel[0].equal(before[3])
    assert kernel[1].equal(first[1])
    assert kernel[2].equal(before[0])


def test_of_another_number_of_classes_and_another_size_it_takes_what_fits_and_names_the_rest(tmp_path: Path) -> None:
    there, here = target_of("vspade"), target_of("vspade", ("sea", "moon"), size=2 * SIZE)
    _, carried = started(saved(tmp_path, there, built(there, 0), networks=("generator",)), here)
    assert carried.anew == [
        "generator.fc.weight",
        "generator.fc.bias",
        "encoder (the checkpoint has none)",
        "discriminator (the checkpoint has none)",
    ]
    assert str(carried).startswith("1 of 2 classes are known (new: moon), ")
    assert str(carried).endswith("weights are taken; begun anew: " + ", ".join(carried.anew))

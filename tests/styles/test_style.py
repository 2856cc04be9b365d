from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smis.core.errors import StyleError, StyleIndexError
from smis.styles import ImageStyle
from tests.styles.conftest import Load

HAIR, TOP, SKIN, SHOES = 1, 3, 4, 5
PARTS = {"groupdnet": "classes", "inade": "instances", "oasis": "instances", "sean": "classes"}
VARIED = ["groupdnet", "inade", "oasis", "sean"]


def parts(style: ImageStyle) -> Tensor:
    return style.latents.filled()[PARTS[style.model.title.lower()]]


def same(ours: ImageStyle, theirs: ImageStyle) -> bool:
    return all(torch.equal(code, theirs.latents.filled()[name]) for name, code in ours.latents.filled().items())


def changed(ours: ImageStyle, theirs: ImageStyle, picture: int = 0) -> list[int]:
    """Name the parts of a picture whose codes differ."""
    differ = (parts(ours)[picture] != parts(theirs)[picture]).flatten(1).any(dim=1)
    return differ.nonzero().flatten().tolist()


@pytest.mark.parametrize("name", VARIED)
def test_resampling_a_class_takes_its_code_from_another_seed_and_keeps_the_rest(
    load: Load, labels: Tensor, name: str
) -> None:
    synth = load(name)
    base = synth.sample(labels)
    again = base.resample(classes=["hair"], seed=7)
    assert changed(base, again) == [HAIR]
    assert torch.equal(parts(again)[0, HAIR], parts(synth.sample(labels, seed=7))[0, HAIR])
    # the second picture has no hair
    assert changed(base, again, 1) == []
    assert not torch.equal(synth(labels, base)[0], synth(labels, again)[0])


@pytest.mark.parametrize("name", ["groupdnet", "inade", "oasis", "vspade"])
def test_without_a_name_everything_is_resampled(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    assert same(synth.sample(labels).resample(seed=7), synth.sample(labels, seed=7))


def test_repeated_pictures_are_resampled_each_by_itself(load: Load, labels: Tensor) -> None:
    synth = load("groupdnet")
    again = synth.sample(labels[0]).repeat(3).resample(classes=[HAIR], seed=7)
    assert len({float(code.sum()) for code in parts(again)[:, HAIR]}) == 3
    assert torch.equal(parts(again)[:, HAIR], parts(synth.sample(labels[0], seed=7, samples=3))[:, HAIR])


@pytest.mark.parametrize("name", ["inade", "oasis"])
def test_instances_are_resampled_by_id(load: Load, labels: Tensor, name: str) -> None:
    base = load(name).sample(labels[0], labels[0] * 2)
    assert changed(base, base.resample(instances=[2, 6])) == [2, 6]
    with pytest.raises(StyleError, match=r"the image has no instance 3; there are: 0 \(background\), 2 \(hair\), 4"):
        base.resample(instances=[3])


@pytest.mark.parametrize("name", VARIED)
def test_mixing_gives_a_class_the_others_code_or_what_lies_between(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    base, other = synth.sample(labels[0]), synth.sample(labels[0], seed=1)
    assert same(base.mix(other, {"hair": 0.0}), base)
    mixed = base.mix(other, {"hair": 1.0, SKIN: 0.5})
    assert changed(base, mixed) == [HAIR, SKIN]
    assert torch.equal(parts(mixed)[:, HAIR], parts(other)[:, HAIR])
    lengths = [parts(style)[0, SKIN].norm() for style in (base, mixed, other)]
    assert lengths[1].item() == pytest.approx((lengths[0] + lengths[2]).item() / 2, rel=1e-5)


def test_instances_mix_with_those_of_their_class_on_another_picture(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    base, other = synth.sample(labels[0]), synth.sample(labels[1], seed=1)
    mixed = base.mix(other, {"top": 1.0})
    assert changed(base, mixed) == [TOP]
    # without hair, the other's instance of `top` is the third
    assert torch.equal(parts(mixed)[0, TOP], parts(other)[0, TOP - 1])


@pytest.mark.parametrize("name", ["groupdnet", "inade", "oasis", "vspade"])
def test_morphing_meets_both_ends_and_keeps_the_length_of_codes(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    base, other = synth.sample(labels), synth.sample(labels, seed=1)
    assert same(base.morph(other, 0), base)
    assert same(base.morph(other, 1), other)
    half, straight = base.morph(other, 0.5), base.morph(other, 0.5, spherical=False)
    for field, code in half.latents.filled().items():
        if code.is_floating_point() and field == PARTS.get(name, "global_latent"):
            dims = tuple(range(1 if field == "global_latent" else 2, code.dim()))
            norms = [
                torch.linalg.vector_norm(s.latents.filled()[field], dim=dims) for s in (base, half, other, straight)
            ]
            torch.testing.assert_close(norms[1], (norms[0] + norms[2]) / 2)
            assert (norms[3] < norms[1]).all()


def test_what_the_other_does_not_have_is_not_morphed(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    base, other = synth.sample(labels[0]), synth.sample(labels[1], seed=1)
    assert HAIR not in changed(base, base.morph(other, 1.0))
    assert torch.equal(parts(base.morph(other, 1.0))[0, TOP], parts(other)[0, TOP - 1])


def test_copying_gives_one_instance_the_code_of_an_exemplars(load: Load, labels: Tensor, photograph: Tensor) -> None:
    synth = load("inade")
    exemplar = synth.encode(photograph[1], labels[1])
    base = synth.sample(labels[0])
    copied = base.copy(exemplar, source=2, target=3)
    assert changed(base, copied) == [3]
    assert torch.equal(parts(copied)[0, 3], parts(exemplar)[0, 2])
    with pytest.raises(
        StyleError, match=r"no instance 9; there are: 0 \(background\), 1 \(face\), 2 \(top\), 3 \(skin\)"
    ):
        base.copy(exemplar, source=9, target=3)


def test_the_only_instance_of_a_class_may_be_called_by_its_class(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    base, exemplar = synth.sample(labels[0]), synth.sample(labels[0], seed=1)
    copied = base.copy(exemplar, source="hair", target="skin")
    assert same(copied, base.copy(exemplar, source=HAIR, target=SKIN))
    instances = labels[0].clone()
    instances[..., ::2] += 7
    with pytest.raises(StyleError, match=r"the image has 2 instances of background; name one by its id: 0, 7"):
        synth.sample(labels[0], instances).copy(exemplar, source="hair", target="background")
    with pytest.raises(StyleError, match=r"the image has no instance 'shoes'; there are: 0 \(background\)"):
        base.copy(exemplar, source="shoes", target="hair")


def test_classes_are_copied_by_name(load: Load, labels: Tensor) -> None:
    synth = load("groupdnet")
    base, exemplar = synth.sample(labels[0]), synth.sample(labels[0], seed=1)
    copied = base.copy(exemplar, source="hair", target=SKIN)
    assert changed(base, copied) == [SKIN]
    assert torch.equal(parts(copied)[0, SKIN], parts(exemplar)[0, HAIR])
    with pytest.raises(StyleError, match="the image has no shoes; it has"):
        base.copy(exemplar, source="shoes", target="hair")


def test_on_an_edited_label_map_classes_keep_their_codes_and_new_ones_are_drawn(
    load: Load, labels: Tensor, photograph: Tensor
) -> None:
    synth = load("groupdnet")
    style = synth.encode(photograph[1], labels[1])
    edited = style.on(labels[0])
    assert changed(style, edited) == [HAIR]
    assert torch.equal(synth(labels[0], style), synth(labels[0], edited))
    assert same(edited, style.on(labels[0]))
    other = synth.encode(photograph[1], labels[1], seed=5)
    assert not torch.equal(parts(other.on(labels[0]))[0, HAIR], parts(edited)[0, HAIR])


def test_a_drawn_style_has_codes_for_classes_to_come(load: Load, labels: Tensor) -> None:
    synth = load("groupdnet")
    assert torch.equal(
        synth(labels[0], synth.sample(labels[1], seed=3)), synth(labels[0], synth.sample(labels[0], seed=3))
    )


def test_instances_made_from_classes_follow_their_class(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    style = synth.sample(labels[1])
    edited = style.on(labels[0])
    assert torch.equal(parts(edited)[0, [0, 2, 3, 4]], parts(style)[0, [0, 1, 2, 3]])
    assert not any(torch.equal(parts(edited)[0, HAIR], code) for code in parts(style)[0])
    shoes = torch.where(labels[0] == 0, SHOES, labels[0])
    # hair is drawn alike whatever else is new, and wherever its number comes to be
    assert torch.equal(parts(style.on(shoes))[0, 0], parts(edited)[0, HAIR])
    assert torch.equal(parts(edited.on(labels[1]))[0, :4], parts(style)[0, :4])


def test_with_an_instance_map_codes_follow_ids_unless_their_class_changed(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    style = synth.sample(labels[0], labels[0])
    recolored = torch.where(labels[0] == HAIR, SHOES, labels[0])
    edited = style.on(recolored, labels[0])
    assert changed(style, edited) == [HAIR]
    moved = style.on(labels[0], torch.where(labels[0] == HAIR, 9, labels[0]))
    assert changed(style, moved) == [9]


def test_a_style_can_be_counted_repeated_and_taken_apart(load: Load, labels: Tensor) -> None:
    style = load("groupdnet").sample(labels, samples=2)
    assert repr(style) == "ImageStyle(4 images of GroupDNet, 32 x 64)"
    assert [len(style), len(style[1:]), len(style[-1]), len(style.repeat(3))] == [4, 3, 1, 12]
    assert torch.equal(style[-1].labels, labels[1:])
    assert sum(len(one) for one in style) == 4
    assert torch.equal(parts(style.repeat(2))[:2], parts(style)[[0, 0]])
    with pytest.raises(StyleIndexError, match="a style of 4 images has none at 4; give 0 to 3, or a slice"):
        style[4]


CANNOT: list[tuple[str, Callable[[ImageStyle], object], str]] = [
    (
        "spade",
        lambda s: s.resample(),
        r"SPADE makes one image .* no style, so it cannot resample it; .*classes: .*grou",
    ),
    (
        "spade",
        lambda s: s.morph(s, 0.5),
        r"cannot morph it; systems that vary classes: .*; instances: inade, oasis; the whole",
    ),
    ("vspade", lambda s: s.resample(["hair"]), r"VSPADE has one latent for the whole image, .*classes: .*groupdnet"),
    ("vspade", lambda s: s.mix(s, {"hair": 1.0}), r"cannot mix classes; .* instances: inade, oasis$"),
    ("vspade", lambda s: s.copy(s, source=0, target=0), r"cannot copy a part of it; systems that vary"),
    ("groupdnet", lambda s: s.resample(instances=[0]), r"has one latent for each class, .* instances: inade, oasis$"),
    ("groupdnet", lambda s: s.resample(["hat"]), r"there is no class 'hat'; there are: background \(0\), hair \(1\)"),
    ("groupdnet", lambda s: s.resample([6]), r"there is no class 6; there are"),
    ("groupdnet", lambda s: s.resample(["shoes"]), r"the image has no shoes; it has: background \(0\), hair"),
    ("groupdnet", lambda s: s.mix(s, {"hair": 1.5}), r"the weight of hair is 1\.5; give 0 \(this style\) to 1"),
    ("groupdnet", lambda s: s.mix(s[1], {"hair": 1}), r"the image has no hair; it has: background \(0\), face"),
    ("groupdnet", lambda s: s.morph(s, -1), r"the amount is -1; give 0 \(this style\) to 1 \(the other\)"),
    ("groupdnet", lambda s: s.repeat(2).morph(s, 0.5), r"a style of 4 images and one of 2 do not pair up"),
    ("groupdnet", lambda s: s.on(s.labels[[0, 0, 0]]), r"3 label maps cannot share 2 styles; give one style"),
    ("groupdnet", lambda s: s.on(s.labels.repeat(1, 2, 1)), r"differ in shape .* label maps of one size"),
]


@pytest.mark.parametrize(("name", "ask", "answer"), CANNOT)
def test_what_cannot_be_done_is_said_with_who_can(
    load: Load, labels: Tensor, name: str, ask: Callable[[ImageStyle], object], answer: str
) -> None:
    with pytest.raises(StyleError, match=answer):
        ask(load(name).sample(labels))

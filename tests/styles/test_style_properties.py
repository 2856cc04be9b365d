"""Laws of the operations on styles, for any label map, seed, class and weight."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import smis
from smis.styles import ImageStyle, Synthesizer
from smis.styles.latents import PARTS, interpolate, match_classes
from tests import checkpoints

CLASSES = range(len(checkpoints.NAMES))
SEEDS = st.integers(0, 2**31)
PART_SYSTEMS = ["groupdnet", "inade", "oasis", "sean"]
SYSTEMS = [*PART_SYSTEMS, "vspade"]

quick = settings(max_examples=15, deadline=None)


@st.composite
def label_maps(draw: st.DrawFn) -> Tensor:
    """One label map of blocks of random classes."""
    height, width = checkpoints.SIZE
    blocks = draw(st.lists(st.sampled_from(CLASSES), min_size=4, max_size=4))
    return torch.tensor(blocks).view(2, 2).repeat_interleave(height // 2, 0).repeat_interleave(width // 2, 1)


@cache
def synthesizer(name: str) -> Synthesizer:
    with TemporaryDirectory() as folder:
        return smis.load(checkpoints.write(Path(folder, f"{name}.safetensors"), name), device="cpu")


def same(first: ImageStyle, second: ImageStyle) -> bool:
    ours, theirs = first.latents.filled(), second.latents.filled()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def parts_of(style: ImageStyle, class_id: int) -> tuple[Tensor, Tensor]:
    """Return the latents of a class's parts, and those of all other parts that the image has."""
    latents, classes = style.latents.filled()[PARTS[style.model.varies]], style.layout.part_classes
    return latents[classes == class_id], latents[(classes != class_id) & (classes >= 0)]


@pytest.mark.parametrize("name", PART_SYSTEMS)
@quick
@given(labels=label_maps(), seeds=st.tuples(SEEDS, SEEDS), data=st.data())
def test_resampling_a_class_leaves_every_other_class(
    name: str, labels: Tensor, seeds: tuple[int, int], data: st.DataObject
) -> None:
    synth = synthesizer(name)
    class_id = data.draw(st.sampled_from(labels.unique().tolist()))
    style, fresh = (synth.sample(labels, seed=seed) for seed in seeds)
    resampled = style.resample(classes=[class_id], seed=seeds[1])
    assert torch.equal(parts_of(resampled, class_id)[1], parts_of(style, class_id)[1])
    assert torch.equal(parts_of(resampled, class_id)[0], parts_of(fresh, class_id)[0])
    assert same(resampled.resample(classes=[class_id], seed=seeds[0]), style)


@pytest.mark.parametrize("name", SYSTEMS)
@quick
@given(labels=label_maps(), seeds=st.tuples(SEEDS, SEEDS), spherical=st.booleans())
def test_morphing_starts_at_one_style_and_ends_at_the_other(
    name: str, labels: Tensor, seeds: tuple[int, int], spherical: bool
) -> None:
    start, end = (synthesizer(name).sample(labels, seed=seed) for seed in seeds)
    assert same(start.morph(end, 0, spherical=spherical), start)
    present = synthesizer(name)(labels, start.morph(end, 1, spherical=spherical))
    assert torch.equal(present, synthesizer(name)(labels, end))


@pytest.mark.parametrize("name", SYSTEMS)
@quick
@given(labels=label_maps(), seed=SEEDS, amount=st.floats(0, 1), spherical=st.booleans())
def test_a_style_morphed_toward_itself_is_itself(
    name: str, labels: Tensor, seed: int, amount: float, spherical: bool
) -> None:
    style = synthesizer(name).sample(labels, seed=seed)
    morphed = style.morph(style, amount, spherical=spherical)
    for field, latents in morphed.latents.filled().items():
        torch.testing.assert_close(latents, style.latents.filled()[field])


@pytest.mark.parametrize("name", PART_SYSTEMS)
@quick
@given(labels=label_maps(), seeds=st.tuples(SEEDS, SEEDS), weight=st.floats(0, 1), data=st.data())
def test_mixing_changes_the_named_class_alone_from_nothing_to_all(
    name: str, labels: Tensor, seeds: tuple[int, int], weight: float, data: st.DataObject
) -> None:
    style, other = (synthesizer(name).sample(labels, seed=seed) for seed in seeds)
    class_id = data.draw(st.sampled_from(labels.unique().tolist()))
    assert same(style.mix(other, {class_id: 0}), style)
    assert torch.equal(parts_of(style.mix(other, {class_id: 1}), class_id)[0], parts_of(other, class_id)[0])
    assert torch.equal(parts_of(style.mix(other, {class_id: weight}), class_id)[1], parts_of(style, class_id)[1])
    everything = style.mix(other, dict.fromkeys(labels.unique().tolist(), 1))
    assert torch.equal(parts_of(everything, -2)[1], parts_of(other, -2)[1])


@pytest.mark.parametrize("name", PART_SYSTEMS)
@quick
@given(labels=label_maps(), seeds=st.tuples(SEEDS, SEEDS))
def test_copying_a_part_twice_is_copying_it_once_and_of_oneself_nothing(
    name: str, labels: Tensor, seeds: tuple[int, int]
) -> None:
    style, exemplar = (synthesizer(name).sample(labels, seed=seed) for seed in seeds)
    part = int((style.layout.part_classes[0] >= 0).nonzero()[-1])
    copied = style.copy(exemplar, source=part, target=part)
    assert same(copied.copy(exemplar, source=part, target=part), copied)
    assert same(style.copy(style, source=part, target=part), style)


@pytest.mark.parametrize("name", SYSTEMS)
@quick
@given(labels=label_maps(), seed=SEEDS, samples=st.integers(1, 3))
def test_a_saved_style_is_read_as_it_was(name: str, labels: Tensor, seed: int, samples: int) -> None:
    style = synthesizer(name).sample(labels, seed=seed, samples=samples)
    with TemporaryDirectory() as folder:
        style.save(Path(folder, "style.safetensors"))
        restored = synthesizer(name).style(Path(folder, "style.safetensors"))
    assert same(restored, style)
    assert torch.equal(restored.labels, style.labels)
    assert (restored.seeds, restored.sampled) == (style.seeds, style.sampled)


@pytest.mark.parametrize("name", SYSTEMS)
@quick
@given(labels=label_maps(), seed=SEEDS, samples=st.integers(1, 3))
def test_a_seed_gives_one_style_whatever_else_is_sampled(name: str, labels: Tensor, seed: int, samples: int) -> None:
    synth = synthesizer(name)
    batch = synth.sample(torch.stack([labels, labels.flip(0)]), seed=seed, samples=samples)
    assert same(batch[0], synth.sample(labels, seed=seed))
    assert same(batch[samples], synth.sample(labels.flip(0), seed=seed))


@pytest.mark.parametrize("name", PART_SYSTEMS)
@quick
@given(labels=label_maps(), edited=label_maps(), seed=SEEDS)
def test_a_style_carried_to_another_label_map_and_back_keeps_the_classes_of_both(
    name: str, labels: Tensor, edited: Tensor, seed: int
) -> None:
    style = synthesizer(name).sample(labels, seed=seed)
    back = style.on(edited).on(labels)
    for class_id in set(labels.unique().tolist()) & set(edited.unique().tolist()):
        assert torch.equal(parts_of(back, class_id)[0], parts_of(style, class_id)[0])


LATENTS = st.integers(0, 2**31).map(lambda seed: torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(seed)))


@quick
@given(start=LATENTS, end=LATENTS, weight=st.floats(0, 1))
def test_interpolating_backward_is_interpolating_forward(start: Tensor, end: Tensor, weight: float) -> None:
    forward = interpolate(start, end, torch.full((2, 3), weight, dtype=torch.float64), spherical=True)
    backward = interpolate(end, start, torch.full((2, 3), 1 - weight, dtype=torch.float64), spherical=True)
    torch.testing.assert_close(forward, backward, rtol=1e-4, atol=1e-5)


@quick
@given(classes=st.lists(st.integers(-1, 4), min_size=1, max_size=8))
def test_the_parts_of_an_image_match_themselves(classes: list[int]) -> None:
    parts = torch.tensor([classes])
    assert match_classes(parts, parts).tolist() == [list(range(len(classes)))]

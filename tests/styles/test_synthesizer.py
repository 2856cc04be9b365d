import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import smis
from smis.core.errors import CheckpointError, ImageError, LabelError, ParamsError, StyleError
from smis.models.system_registry import SYSTEMS
from smis.training.export import load_weights, save_weights
from tests import checkpoints
from tests.styles.conftest import Load

SIX = ["groupdnet", "inade", "oasis", "sean", "spade", "vspade"]


def same(ours: smis.ImageStyle, theirs: smis.ImageStyle) -> bool:
    first, second = ours.latents.filled(), theirs.latents.filled()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_importing_smis_does_not_import_torch() -> None:
    probe = "import sys, smis; print('torch' in sys.modules); smis.load; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_system_makes_pictures_of_label_maps(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    images = synth(labels)
    assert images.shape == (2, 3, *checkpoints.SIZE)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert images.std() > 0
    assert smis.to_uint8(images).shape == (2, *checkpoints.SIZE, 3)


def test_a_synthesizer_says_what_it_is(load: Load) -> None:
    synth = load("groupdnet")
    assert repr(synth) == "Synthesizer(GroupDNet, varies class, 6 classes, 32 x 64, cpu, float32)"
    assert (synth.classes, synth.varies, synth.size) == (checkpoints.NAMES, "class", (32, 64))
    assert synth.palette[1] == (120, 70, 30)


@pytest.mark.parametrize("name", SIX)
def test_what_a_seed_draws_depends_neither_on_the_batch_nor_on_the_number_of_samples(
    load: Load, labels: Tensor, name: str
) -> None:
    synth = load(name)
    many = synth.sample(labels, seed=3, samples=2)
    assert len(many) == 4
    assert same(many[2], synth.sample(labels[1], seed=3))
    assert same(many[:2], synth.sample(labels[0], seed=3, samples=2))
    if synth.varies != "nothing":
        assert not same(many[0], many[1])
        assert not same(many[0], synth.sample(labels[0], seed=4))


def test_label_maps_may_have_seeds_of_their_own(load: Load, labels: Tensor) -> None:
    synth = load("vspade")
    several = synth.sample(labels, seed=range(2))
    assert same(several[1], synth.sample(labels[1], seed=1))
    with pytest.raises(StyleError, match="there are 3 seeds for 2 label maps; give one, or one for each"):
        synth.sample(labels, seed=range(3))


@pytest.mark.parametrize("name", SIX)
def test_one_layout_serves_many_styles_and_one_style_many_layouts(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    layout = synth.layout(labels[0])
    style = synth.sample(layout, samples=3)
    together = synth(layout, style)
    torch.testing.assert_close(together, torch.cat([synth(labels[0], style[n]) for n in range(3)]))
    shared = synth(labels, style[0])
    torch.testing.assert_close(shared, torch.cat([synth(labels[n], style[0]) for n in range(2)]))
    pairs = synth(labels, synth.sample(labels, samples=2))
    torch.testing.assert_close(pairs[2:], synth(labels[1], synth.sample(labels[1], samples=2)))


@pytest.mark.parametrize("name", ["groupdnet", "inade", "vspade"])
def test_without_a_seed_a_photograph_has_one_style_and_with_it_one_near(
    load: Load, labels: Tensor, photograph: Tensor, name: str
) -> None:
    synth = load(name)
    style = synth.encode(photograph, labels)
    assert same(style, synth.encode(photograph, labels))
    near = synth.encode(photograph, labels, seed=1)
    assert not same(style, near)
    torch.testing.assert_close(
        synth(labels, near)[1:], synth(labels[1], synth.encode(photograph[1], labels[1], seed=1))
    )


@pytest.mark.parametrize("name", ["groupdnet", "oasis", "spade"])
def test_pictures_have_any_size_that_the_architecture_allows(load: Load, labels: Tensor, name: str) -> None:
    synth = load(name)
    large = labels.repeat(1, 2, 1)
    assert synth(large).shape == (2, 3, 64, 64)
    with pytest.raises(
        LabelError, match=r"an image of 31 x 64 cannot be .* resize the label map, for instance to 32 x 64"
    ):
        synth(labels[:, :31])
    assert synth(labels).shape == (2, 3, 32, 64)


@pytest.mark.parametrize("name", ["inade", "vspade"])
def test_where_weights_are_for_one_size_another_is_refused(load: Load, labels: Tensor, name: str) -> None:
    with pytest.raises(
        LabelError, match=r"the label map is 64 x 64, but the weights of this .* are for 32 x 64 only; resize"
    ):
        load(name)(labels.repeat(1, 2, 1))


def test_label_maps_are_checked_against_the_checkpoint(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    ignored = torch.where(labels == 4, 255, labels)
    with pytest.raises(LabelError, match=r"run from 0 to 255, .* has 6 classes \(0 to 5\); was 255 left in"):
        synth(ignored)
    with pytest.raises(LabelError, match=r"instance maps are 1 of 32 x 64, label maps 2 of 32 x 64; give one"):
        synth.sample(labels, labels[0])
    with pytest.raises(LabelError, match=r"instance map has id -1; number instances from 0"):
        synth.sample(labels, labels - 1)
    with pytest.raises(LabelError, match=r"instance 1 has pixels of several classes \(hair, skin\)"):
        synth.sample(labels, torch.where(labels == 4, 1, labels))
    with pytest.raises(LabelError, match=r"instance id 99, but INADE .* 12 instances .*; number instances densely"):
        synth.sample(labels, torch.where(labels == 4, 99, labels))
    with pytest.raises(LabelError, match="a layout has its instances already"):
        synth(synth.layout(labels), instances=labels)


def test_instances_are_one_of_each_class_unless_they_are_given(load: Load, labels: Tensor) -> None:
    synth = load("inade")
    assert [sorted(set(one.flatten().tolist())) for one in synth.sample(labels).instances] == [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3],
    ]
    given = labels + 2
    style = synth.sample(labels, given)
    assert torch.equal(style.instances, given)
    # the same label maps again: they have the style's instances
    assert torch.equal(synth(labels, style), synth(labels, style, given))


def test_photographs_are_checked_against_the_label_maps(load: Load, labels: Tensor, photograph: Tensor) -> None:
    with pytest.raises(ImageError, match=r"images are 1 of 32 x 64, label maps 2 of 32 x 64; give one image for"):
        load("vspade").encode(photograph[0], labels)


def test_without_an_encoder_there_is_no_style_in_a_photograph(
    load: Load, labels: Tensor, photograph: Tensor, tmp_path: Path
) -> None:
    with pytest.raises(StyleError, match=r"SPADE has no encoder, .* sample a style: synth\.sample\(labels\)"):
        load("spade").encode(photograph, labels)
    with pytest.raises(StyleError, match=r"OASIS has no encoder, .* sample a style: synth\.sample\(labels\)"):
        load("oasis").encode(photograph, labels)
    bare = smis.load(checkpoints.write(tmp_path / "bare.safetensors", "vspade", encoder=False), device="cpu")
    assert "no encoder" in repr(bare)
    assert bare(labels).shape == (2, 3, *checkpoints.SIZE)
    with pytest.raises(StyleError, match="no encoder's weights; import it again with --encoder FILE, or sample"):
        bare.encode(photograph, labels)


def test_a_system_that_was_trained_without_its_encoder_encodes_nothing_and_samples_the_same(
    labels: Tensor, photograph: Tensor, tmp_path: Path
) -> None:
    path = checkpoints.write(tmp_path / "bare.safetensors", "inade", encoder=False)
    tensors, metadata = load_weights(path)
    config = json.dumps(json.loads(metadata["config"]) | {"encoder": False})
    save_weights(tmp_path / "drawn.safetensors", tensors, metadata=metadata | {"config": config})
    bare, drawn = (smis.load(file, device="cpu") for file in (path, tmp_path / "drawn.safetensors"))
    assert torch.equal(drawn(labels), bare(labels))
    with pytest.raises(StyleError, match=r"INADE has no encoder, .* sample a style: synth\.sample\(labels\)"):
        drawn.encode(photograph, labels)


def test_a_label_map_may_be_a_file(load: Load, labels: Tensor, tmp_path: Path) -> None:
    Image.fromarray(labels[0].numpy().astype(np.uint8)).save(tmp_path / "map.png")
    assert torch.equal(load("spade")(tmp_path / "map.png"), load("spade")(labels[0]))


@pytest.mark.parametrize("name", SIX)
def test_another_memory_order_or_precision_moves_the_last_digits_only(
    load: Load, labels: Tensor, tmp_path: Path, name: str
) -> None:
    path = checkpoints.write(tmp_path / "tiny.safetensors", name)
    plain = load(name)(labels)
    ordered = smis.load(path, device="cpu", channels_last=True)(labels)
    torch.testing.assert_close(ordered, plain, atol=1e-4, rtol=1e-4)
    lower = smis.load(path, device="cpu", precision="bfloat16")(labels)
    assert lower.dtype == torch.float32
    assert (lower - plain).abs().mean() < 0.05


def test_what_cannot_be_loaded_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        smis.load(tmp_path / "none.safetensors", device="cpu")
    path = checkpoints.write(tmp_path / "tiny.safetensors", "spade")
    with pytest.raises(ParamsError, match=r"device 'gpu' cannot be used .* give 'cpu'"):
        smis.load(path, device="gpu")
    with pytest.raises(ParamsError, match="precision is 'half'; give 'float32' or 'bfloat16'"):
        smis.load(path, device="cpu", precision="half")  # pyright: ignore[reportArgumentType]


def test_a_sketch_is_followed_by_a_system_that_was_trained_with_them(tmp_path: Path, labels: Tensor) -> None:
    synth = smis.load(checkpoints.write(tmp_path / "sketch.safetensors", "inade", sketch=True), device="cpu")
    nothing, lines = np.zeros(checkpoints.SIZE, np.uint8), np.full(checkpoints.SIZE, 255, np.uint8)
    assert torch.equal(synth(labels, sketch=nothing), synth(labels))
    assert not torch.equal(synth(labels, sketch=lines), synth(labels))
    with pytest.raises(ImageError, match=r"the sketch is \(1, 1, 16, 64\), label maps \(2, 32, 64\)"):
        synth(labels, sketch=nothing[::2])
    with pytest.raises(ImageError, match=r"the sketch is .*; give \(h, w\) of floats 0..1 or of uint8"):
        synth(labels, sketch=torch.full(checkpoints.SIZE, 2.0))


def test_a_sketch_for_a_system_that_reads_none_is_refused(load: Load, labels: Tensor) -> None:
    with pytest.raises(StyleError, match="INADE as trained reads no sketch; INADE with the preset deepfashion_sketch"):
        load("inade")(labels, sketch=np.zeros(checkpoints.SIZE, np.uint8))

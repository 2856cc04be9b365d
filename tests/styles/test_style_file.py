from pathlib import Path

import pytest
import torch
from torch import Tensor

import smis
from smis.core.errors import StyleError
from smis.training.export import load_weights, save_weights
from tests import checkpoints
from tests.styles.conftest import Load


@pytest.mark.parametrize("name", ["groupdnet", "inade", "oasis", "sean", "spade", "vspade"])
def test_a_style_that_was_saved_makes_the_same_pictures(load: Load, labels: Tensor, tmp_path: Path, name: str) -> None:
    synth = load(name)
    style = synth.sample(labels, labels + 1, seed=3, samples=2)
    style.save(tmp_path / "style.safetensors")
    read = synth.style(tmp_path / "style.safetensors")
    assert torch.equal(synth(labels, read), synth(labels, style))
    assert (read.seeds, read.sampled, len(read)) == ((3, 3), True, 4)
    assert torch.equal(read.instances, style.instances)


def test_instances_that_were_made_from_classes_are_made_again(load: Load, labels: Tensor, tmp_path: Path) -> None:
    synth = load("inade")
    style = synth.sample(labels[1])
    style.save(tmp_path / "style.safetensors")
    assert torch.equal(synth(labels[0], synth.style(tmp_path / "style.safetensors")), synth(labels[0], style))


def test_what_is_no_style_of_the_system_is_refused(load: Load, labels: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    with pytest.raises(StyleError, match=r"there is no style in .*style\.safetensors; .* style\.save\(PATH\)"):
        load("vspade").style(path)
    load("inade").sample(labels).save(path)
    with pytest.raises(
        StyleError, match="this is a style of INADE, but the checkpoint is of VSPADE; take one of its own"
    ):
        load("vspade").style(path)
    checkpoints.write(path, "spade")
    with pytest.raises(StyleError, match=r"holds weights and no style; write one with style\.save"):
        load("vspade").style(path)


def test_another_checkpoint_of_the_same_system_takes_the_style_over(load: Load, labels: Tensor, tmp_path: Path) -> None:
    synth = load("inade")
    other = smis.load(checkpoints.write(tmp_path / "inade.safetensors", "inade"), device="cpu")
    style = synth.sample(labels, labels + 1)
    assert torch.equal(other(labels, style), synth(labels, style))
    with pytest.raises(StyleError, match="this is a style of INADE, but the checkpoint is of VSPADE"):
        load("vspade")(labels, style)


def test_a_file_with_the_old_name_of_the_global_latent_is_read(load: Load, labels: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    style = load("vspade").sample(labels, seed=3)
    style.save(path)
    tensors, metadata = load_weights(path)
    tensors["code.everything"] = tensors.pop("code.global_latent")
    save_weights(path, tensors, metadata=metadata)
    assert torch.equal(load("vspade")(labels, load("vspade").style(path)), load("vspade")(labels, style))

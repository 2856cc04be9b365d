import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import smis
from smis.core.errors import CheckpointError, ParamsError, StyleError
from smis.core.seeding import Noise
from smis.models.system_registry import SYSTEMS
from smis.published.importer import import_checkpoint
from smis.published.release_files import export_released
from smis.training.export import load_system, load_weights


@pytest.fixture
def changed(release: Callable[..., Any], tmp_path: Path) -> Callable[[Callable[[dict[str, Tensor]], object]], Path]:
    """Give GroupDNet's file after a change to its tensors."""

    def change(by: Callable[[dict[str, Tensor]], object]) -> Path:
        state = torch.load(release("groupdnet")["generator"], weights_only=True)
        by(state)
        torch.save(state, tmp_path / "changed.pth")
        return tmp_path / "changed.pth"

    return change


def refused(path: Path, *, release: str = "smis", preset: str = "paperdoll", **more: Any) -> None:
    out = path.parent / "refused.safetensors"
    try:
        import_checkpoint(path, release=release, preset=preset, out=out, **more)
    finally:
        assert not out.exists()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("groupdnet", "smis"),
        ("vspade", "smis"),
        ("inade", "inade"),
        ("spade", "spade"),
        ("clade", "clade"),
        ("oasis", "oasis"),
    ],
)
def test_an_imported_system_has_every_bit_of_the_released_one(
    release: Callable[..., Any], tmp_path: Path, name: str, code: str
) -> None:
    files, out = release(name), tmp_path / "X.safetensors"
    found = import_checkpoint(**files, release=code, preset="paperdoll", out=out)
    trained = load_system(out, SYSTEMS)
    assert found.system == trained.metadata["system"] == name
    for part, path in files.items():
        theirs, ours = torch.load(path, weights_only=True), getattr(trained.system, part).state_dict()
        assert list(ours) == list(theirs)
        assert all(ours[key].dtype == tensor.dtype and ours[key].equal(tensor) for key, tensor in theirs.items())
    assert found.tensors == {part: len(torch.load(path, weights_only=True)) for part, path in files.items()}
    assert not found.encoder_missing


def test_seans_encoder_is_found_inside_its_generators_file(release: Callable[..., Any], tmp_path: Path) -> None:
    files, out = release("sean"), tmp_path / "X.safetensors"
    assert list(files) == ["generator"]
    found = import_checkpoint(**files, release="sean", preset="paperdoll", out=out)
    theirs = torch.load(files["generator"], weights_only=True)
    inside = sum(name.startswith("Zencoder.") for name in theirs)
    assert found.tensors == {"generator": len(theirs) - inside, "encoder": inside}
    assert not found.encoder_missing
    trained = load_system(out, SYSTEMS)
    ours = {f"Zencoder.{name}": tensor for name, tensor in trained.system.encoder.state_dict().items()}
    ours |= trained.system.generator.state_dict()
    assert set(ours) == set(theirs)
    assert all(ours[name].equal(tensor) for name, tensor in theirs.items())


def test_seans_codes_of_training_images_are_left_out_of_what_is_exported(
    checkpoint: Callable[..., Path], release: Callable[..., Any], tmp_path: Path
) -> None:
    assert "encoder.exemplars.codes" in load_weights(checkpoint("sean"))[0]
    exported = export_released(checkpoint("sean"), tmp_path)
    theirs = torch.load(release("sean")["generator"], weights_only=True)
    assert exported == {tmp_path / "latest_net_G.pth": len(theirs)}
    assert set(torch.load(tmp_path / "latest_net_G.pth", weights_only=True)) == set(theirs)


def test_an_imported_sean_samples_nothing_and_takes_the_style_of_an_exemplar(
    release: Callable[..., Any], tmp_path: Path
) -> None:
    import_checkpoint(**release("sean"), release="sean", preset="paperdoll", out=tmp_path / "X.safetensors")
    synth, labels = smis.load(tmp_path / "X.safetensors", device="cpu"), torch.arange(64).expand(1, 64, 64) // 8
    said = "this checkpoint of SEAN has no codes of training images, which it samples from; encode an exempl"
    with pytest.raises(StyleError, match=said):
        synth.sample(labels)
    style = synth.encode(torch.rand(3, 64, 64) * 2 - 1, labels)
    with pytest.raises(StyleError, match=said):
        style.resample(classes=["hair"])
    assert synth(labels.flip(2), style).shape == (1, 3, 64, 64)


def test_the_same_files_give_the_same_bytes(release: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("one", "other"):
        import_checkpoint(release("inade")["generator"], release="inade", preset="paperdoll", out=tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_checkpoint_says_what_it_is(release: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "X.safetensors"
    import_checkpoint(release("groupdnet")["generator"], release="smis", preset="paperdoll", out=out)
    metadata = load_weights(out)[1]
    config = SYSTEMS.load("groupdnet")
    assert config.model_validate_json(metadata.pop("config")) == config(preset="paperdoll")
    assert json.loads(metadata.pop("classes"))[1] == "hair"
    assert len(json.loads(metadata.pop("palette"))) == 8
    assert metadata == {
        "format": "1", "system": "groupdnet", "dataset": "paperdoll", "height": "64", "width": "64", "step": "0",
        "release": "smis", "preset": "paperdoll",
    }  # fmt: skip


def test_a_checkpoint_without_encoder_generates_all_the_same(release: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "X.safetensors"
    found = import_checkpoint(release("vspade")["generator"], release="smis", preset="paperdoll", out=out)
    assert found.encoder_missing
    assert load_system(out, SYSTEMS).system.encoder is None


@pytest.mark.parametrize(("name", "code"), [("inade", "inade"), ("vspade", "smis")])
def test_the_configuration_says_that_there_is_no_encoder_if_the_system_can_do_without(
    release: Callable[..., Any], tmp_path: Path, name: str, code: str
) -> None:
    files, config = release(name), SYSTEMS.load(name)
    for encoder in (None, files["encoder"]):
        out = tmp_path / "X.safetensors"
        found = import_checkpoint(files["generator"], encoder=encoder, release=code, preset="paperdoll", out=out)
        assert found.encoder_missing == (encoder is None)
        said = {"encoder": False} if name == "inade" and encoder is None else {}
        metadata = load_weights(out)[1]
        assert json.loads(metadata["config"]).get("encoder") == said.get("encoder")
        assert config.model_validate_json(metadata["config"]) == config(preset="paperdoll", **said)


def test_a_generator_that_was_imported_alone_makes_images_and_is_exported_again(
    release: Callable[..., Any], tmp_path: Path
) -> None:
    generator, out = release("inade")["generator"], tmp_path / "X.safetensors"
    import_checkpoint(generator, release="inade", preset="paperdoll", out=out)
    system, labels = load_system(out, SYSTEMS).system, torch.arange(64).expand(1, 64, 64) // 8
    noise = Noise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert system.synthesize(labels, labels, system.sample(labels, labels, noise)).shape == (1, 3, 64, 64)
    synth = smis.load(out, device="cpu")
    assert synth(labels).shape == (1, 3, 64, 64)
    assert "no encoder" in repr(synth)
    with pytest.raises(StyleError, match="checkpoint of INADE has no encoder's weights; import it again with --encod"):
        synth.encode(torch.zeros(3, 64, 64), labels)
    assert list(export_released(out, tmp_path)) == [tmp_path / generator.name]
    theirs, again = (torch.load(path, weights_only=True) for path in (generator, tmp_path / generator.name))
    torch.testing.assert_close(again, theirs, rtol=0, atol=0)


def test_tensors_that_are_never_run_are_kept_and_counted(
    release: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = SYSTEMS.load("groupdnet").presets
    monkeypatch.setitem(presets, "paperdoll_unused", {**presets["paperdoll"], "unused_block": True})
    generator = release("groupdnet", "paperdoll_unused")["generator"]
    out = tmp_path / "X.safetensors"
    found = import_checkpoint(generator, release="smis", preset="paperdoll_unused", out=out)
    theirs = torch.load(generator, weights_only=True)
    kept = load_weights(out)[0]
    assert found.unused == {"up_4": sum(name.startswith("up_4.") for name in theirs)}
    assert all(kept[f"generator.{name}"].equal(tensor) for name, tensor in theirs.items())


def test_the_release_says_which_of_two_settings_of_a_system_it_is(
    release: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = SYSTEMS.load("vspade").presets
    monkeypatch.setitem(presets, "paperdoll_spade", {**presets["paperdoll"], "latent": 32})
    files = release("vspade", "paperdoll_spade")
    found = import_checkpoint(**files, release="spade", preset="paperdoll", out=tmp_path / "X.safetensors")
    assert (found.system, found.preset) == ("vspade", "paperdoll_spade")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.update({"fc.weight": torch.zeros(3, 8)}),
            r"changed.pth is not the generator of groupdnet at preset 'paperdoll': fc.weight has shape \[3, 8\] in the "
            r"file, \[128, 8, 3, 3\] in the network; is it of another --preset, --release or --system\?$",
        ),
        (lambda state: state.pop("conv_img.bias"), r"conv_img.bias \[3\] is missing in the file"),
        (lambda state: state.update(more=torch.zeros(2)), r"more \[2\] of the file is not in the network"),
        (
            lambda state: state.update({"fc.bias": state["fc.bias"].int()}),
            "fc.bias is int32 in the file, float32 in the network",
        ),
    ],
    ids=["another shape", "missing", "extra", "whole numbers"],
)
def test_the_first_tensor_that_does_not_fit_is_named(
    changed: Callable[..., Path], change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        refused(changed(change))


def test_an_encoder_is_not_taken_for_a_generator(release: Callable[..., Any]) -> None:
    with pytest.raises(CheckpointError, match=r"G.pth is not the encoder of inade .*: layer1.weight .* is missing"):
        refused(release("inade")["generator"], release="inade", encoder=release("inade")["generator"])


def test_an_encoder_of_a_system_that_has_none_is_refused(release: Callable[..., Any]) -> None:
    with pytest.raises(CheckpointError, match=r"spade has no encoder; leave --encoder .* out"):
        refused(release("spade")["generator"], release="spade", system="spade", encoder=release("vspade")["encoder"])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"release": "smis", "system": "spade"}, "'smis' has no system 'spade'; it has: groupdnet, vspade"),
        ({"release": "inade", "preset": "coco"}, "no preset 'coco' of inade; there are: ade20k, "),
        ({"release": "pix2pix"}, "no release 'pix2pix'; there are: smis, inade, spade"),
    ],
)
def test_what_was_never_released_is_answered_with_what_was(tmp_path: Path, wanted: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        refused(tmp_path / "G.pth", **wanted)


def test_the_file_to_read_is_not_overwritten(release: Callable[..., Any]) -> None:
    path = release("inade")["generator"]
    before = path.read_bytes()
    with pytest.raises(ParamsError, match=r"--out .*latest_net_G.pth is the file to read; give another place"):
        import_checkpoint(path, release="inade", preset="paperdoll", out=path)
    assert path.read_bytes() == before

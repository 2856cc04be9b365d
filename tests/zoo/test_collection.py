"""What `smis zoo add` writes: float16 weights, a card for Hugging Face, label maps; and what reads it."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors import safe_open

import smis
from smis.cli import main
from smis.core.checkpoint_path import FILE
from smis.core.errors import CheckpointError, DiskError, LabelError, ParamsError
from smis.core.images import read_ids
from smis.training.export import load_weights
from smis.zoo.card import read_card
from smis.zoo.collection import ALLOWED_LEVELS, add_model
from smis.zoo.half_precision import to_half
from tests import checkpoints
from tests.zoo import card, settled


def _add(checkpoint: Path, tmp_path: Path, **options: object) -> Path:
    out = tmp_path / "model"
    add_model(checkpoint, read_card(card.write(tmp_path / "card.yaml")), **({"out": out} | options))  # pyright: ignore[reportArgumentType]
    return out


def test_weights_are_float16_and_all_else_is_as_it_was(folder: Path, checkpoint: Path) -> None:
    before, metadata = load_weights(checkpoint)
    with safe_open(folder / "inade-paperdoll" / "checkpoint.safetensors", framework="pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in before}
    after, kept = load_weights(folder / "inade-paperdoll" / "checkpoint.safetensors")
    assert kept == metadata
    assert {kinds[name] for name, tensor in before.items() if tensor.dim() > 1} == {torch.float16}
    assert all(torch.equal(before[name], after[name]) for name in before if before[name].dim() < 2)


def test_it_takes_half_the_space(folder: Path, checkpoint: Path) -> None:
    stored = folder / "inade-paperdoll" / "checkpoint.safetensors"
    assert stored.stat().st_size < 0.75 * checkpoint.stat().st_size  # tiny networks are a third names and biases


def test_a_model_is_loaded_by_its_name_and_computes_in_float32(zoo: Path, labels: Path) -> None:
    synth = smis.load("zoo:inade-paperdoll", device="cpu")
    images = synth(labels / "bars.png")
    assert images.dtype == torch.float32
    assert torch.equal(images, smis.load(zoo / "inade-paperdoll", device="cpu")(labels / "bars.png"))


def test_pictures_are_those_of_the_original(zoo: Path, checkpoint: Path, labels: Path) -> None:
    pictures = [
        smis.to_uint8(smis.load(place, device="cpu")(labels / "bars.png"))
        for place in ("zoo:inade-paperdoll", checkpoint)
    ]
    assert np.abs(np.subtract(*pictures, dtype=int)).max() <= ALLOWED_LEVELS


@pytest.mark.parametrize("name", ["groupdnet", "spade", "vspade"])
def test_every_kind_of_system_is_compared(name: str, tmp_path: Path) -> None:
    checkpoint = settled.write(tmp_path / "X.safetensors", name)
    added = add_model(checkpoint, read_card(card.write(tmp_path / "card.yaml")), out=tmp_path / "model")
    assert added.name == f"{name}-paperdoll"
    assert added.difference in range(1, ALLOWED_LEVELS + 1)


def test_weights_that_float16_changes_visibly_are_refused_or_stay_float32(tmp_path: Path) -> None:
    unstable = checkpoints.write(tmp_path / "X.safetensors", "inade")
    with pytest.raises(CheckpointError, match=r"a pixel differs by \d+ of 255 levels, allowed is 2; --float32 stores"):
        _add(unstable, tmp_path)
    assert not (tmp_path / "model").exists()
    before, after = (load_weights(path)[0] for path in (unstable, _add(unstable, tmp_path, half=False) / FILE))
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_weight_beyond_float16_stays_float32() -> None:
    tensors = {"a": torch.full((2, 2), 70_000.0), "b": torch.ones(2, 2), "c": torch.ones(3), "d": torch.tensor(3)}
    kinds = [each.dtype for each in to_half(tensors).values()]
    assert kinds == [torch.float32, torch.float16, torch.float32, torch.int64]


def test_hugging_face_reads_the_card(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data: Any = ModelCard.load(folder / "inade-paperdoll" / "README.md").data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "smis", "image-to-image")
    assert data.datasets == ["paperdoll"]
    assert "inade" in (data.tags or [])
    assert data.model_name == "inade-paperdoll"
    assert [(each.metric_type, each.metric_value, each.dataset_split) for each in data.eval_results or []] == [
        ("mCSD", 0.132, "test"), ("mIoU", 0.62, "test"),
    ]  # fmt: skip


def test_the_card_says_what_the_checkpoint_and_the_person_say(folder: Path) -> None:
    text = (folder / "inade-paperdoll" / "README.md").read_text()
    height, width = checkpoints.SIZE
    for line in (
        "# INADE on paper dolls",
        f"* Size: {height} x {width}",
        "* Classes: 0 background, 1 hair, 2 face, 3 top, 4 skin, 5 shoes",
        f"* DVC hash: {'0' * 32}",
        "* Commit: 0123abc",
        "| mIoU | 0.62 | 0.61 to 0.63 |",
        "* mIoU: segmenter resnet18; split test",
        "* The weights are random.",
    ):
        assert line in text.splitlines()


def test_label_maps_are_ids_in_the_classes_colors(folder: Path, labels: Path) -> None:
    path = folder / "inade-paperdoll" / "labels" / "bars.png"
    assert (read_ids(path, title="") == read_ids(labels / "bars.png", title="")).all()
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((0, 0)) == tuple(checkpoints.PALETTE[0])


def test_photographs_and_other_sizes_are_no_label_maps(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    for mode, size, message in (
        ("RGB", (64, 32), "has mode RGB, but a map has one channel"),
        ("L", (8, 8), "8 x 8, the checkpoint's pictures"),
    ):
        color = (1, 2, 3) if mode == "RGB" else 0
        Image.new(mode, size, color).save(tmp_path / "maps" / "a.png")
        with pytest.raises(LabelError, match=message):
            _add(checkpoint, tmp_path, labels=tmp_path / "maps")
    assert not (tmp_path / "model").exists()


def test_a_folder_with_other_files_is_not_replaced(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DiskError, match=r"it has files, but no checkpoint\.safetensors; give an empty folder"):
        _add(checkpoint, tmp_path, out=tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_model_can_be_added_again(checkpoint: Path, tmp_path: Path) -> None:
    out = _add(checkpoint, tmp_path)
    (out / "stale").touch()
    assert sorted(path.name for path in _add(checkpoint, tmp_path).iterdir()) == ["README.md", "checkpoint.safetensors"]


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "-a", "a" * 81])
def test_a_name_is_one_part_of_a_path(checkpoint: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match="is no name of a model; give --name"):
        _add(checkpoint, tmp_path, name=name)


def test_the_command_lists_shows_and_adds(
    zoo: Path, checkpoint: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["zoo", "list"]) == 0
    assert " inade-paperdoll " in capsys.readouterr().out
    assert main(["zoo", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["size"], row["metrics"]) == (
        "inade-paperdoll",
        list(checkpoints.SIZE),
        {"mCSD": 0.132, "mIoU": 0.62},
    )
    assert main(["zoo", "show", "inade-paperdoll"]) == 0
    shown = capsys.readouterr().out
    assert "INADE on paper dolls" in shown
    assert "library_name" not in shown
    path = card.write(tmp_path / "card.yaml")
    command = ["zoo", "add", str(checkpoint), "--card", str(path), "--name", "b", "--out", str(tmp_path / "b")]
    assert main([*command, "--labels", str(labels)]) == 0
    assert "largest difference of a pixel from float32: " in capsys.readouterr().out
    assert (tmp_path / "b" / "labels" / "bars.png").exists()


def test_images_are_generated_and_exported_by_a_model_of_the_zoo(zoo: Path, labels: Path, tmp_path: Path) -> None:
    assert (
        main(["generate", "zoo:inade-paperdoll", str(labels), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    )
    assert (tmp_path / "out" / "sheet.png").exists()
    assert (
        main(["export-checkpoint", "zoo:inade-paperdoll", "--to", "released", "--out", str(tmp_path / "released")]) == 0
    )


def test_a_typo_ends_in_one_line(zoo: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "zoo:inade-paperdol", str(labels), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "error: the zoo has no model 'inade-paperdol'; did you mean zoo:inade-paperdoll?\n"
    )

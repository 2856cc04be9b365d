import re
import socket
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from smis.core import weights
from smis.core.errors import ParamsError, WeightsError
from smis.datasets import ade20k, cityscapes, deepfashion
from smis.metrics import segformer
from smis.metrics.segmenter import SegmenterConfig
from tests import segformers

IDS = (3, 1, 6, 2, 7)
NAME = "segformer_cityscapes"


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return segformers.put(NAME, tmp_path, ids=IDS, classes=8, patch=monkeypatch)


def pictures(height: int, width: int) -> torch.Tensor:
    """Blots of color, 0..255."""
    small = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1) * 255).byte()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 80), (128, 96)])
def test_scores_and_label_maps_are_those_of_transformers_with_its_image_processor(
    theirs: Any, height: int, width: int
) -> None:
    from transformers import SegformerImageProcessor

    images = pictures(height, width)
    rows, columns = segformer.fed(height, width, side=segformers.SIDE)
    processor = SegformerImageProcessor(size={"height": rows, "width": columns})
    with torch.inference_mode():
        outputs = theirs(**processor(images=list(images), return_tensors="pt"))
        ours = segformer.load(NAME)
        scores, found = ours.scores(images / 127.5 - 1), ours(images / 127.5 - 1)
    assert (rows, columns) == (64 * height // min(height, width), 64 * width // min(height, width))
    maps: Any = processor.post_process_semantic_segmentation(outputs, target_sizes=[(height, width)] * 2)
    expected = torch.stack(maps)
    assert len(expected.unique()) > 2
    enlarged = torch.nn.functional.interpolate(outputs.logits, size=(height, width), mode="bilinear")
    torch.testing.assert_close(scores, enlarged, rtol=1e-5, atol=1e-5)
    assert torch.equal(found, torch.tensor(IDS)[expected])


@pytest.mark.usefixtures("theirs")
def test_what_is_found_does_not_depend_on_the_batch() -> None:
    images, network = pictures(32, 32) / 127.5 - 1, segformer.load(NAME)
    assert torch.equal(network(images)[1:], network(images[1:]))


@pytest.mark.usefixtures("theirs")
def test_nobody_is_asked_and_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    segformer.load(NAME)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_published_file_of_2021_has_these_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segformers.put(NAME, tmp_path, ids=IDS, classes=8, patch=monkeypatch)
    names = {re.sub(r"\.\d+", ".N", name).removesuffix(".bias").removesuffix(".weight") for name in weights.read(NAME)}
    block = "segformer.encoder.block.N.N."
    attention = [f"{block}attention.{part}" for part in ("self.query", "self.key", "self.value", "self.sr")]
    assert names == {
        *attention,
        f"{block}attention.self.layer_norm",
        f"{block}attention.output.dense",
        f"{block}layer_norm_1",
        f"{block}layer_norm_2",
        f"{block}mlp.dense1",
        f"{block}mlp.dense2",
        f"{block}mlp.dwconv.dwconv",
        "segformer.encoder.layer_norm.N",
        "segformer.encoder.patch_embeddings.N.proj",
        "segformer.encoder.patch_embeddings.N.layer_norm",
        "decode_head.linear_c.N.proj",
        "decode_head.linear_fuse",
        "decode_head.batch_norm",
        *(f"decode_head.batch_norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
        "decode_head.classifier",
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("segformer_ade20k", 84_708_694), ("segformer_cityscapes", 84_607_955), ("segformer_clothes", 27_360_466)],
)
def test_the_sizes_are_those_of_b5_and_b2(name: str, parameters: int) -> None:
    row = segformer.PUBLISHED[name]
    with torch.device("meta"):
        network = segformers.build(row.sizes, channels=len(row.ids))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_each_channel_stands_for_the_class_of_its_name() -> None:
    ids = segformer.PUBLISHED["segformer_cityscapes"].ids
    assert ", ".join(cityscapes.NAMES[number] for number in ids) == (
        "road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, "
        "rider, car, truck, bus, train, motorcycle, bicycle"
    )
    assert [ade20k.NAMES[number] for number in segformer.PUBLISHED["segformer_ade20k"].ids] == list(ade20k.NAMES[1:])
    assert segformer.unknown("segformer_ade20k", ade20k.NAMES) == {0}
    assert len(segformer.unknown("segformer_cityscapes", cityscapes.NAMES)) == 35 - 19


def test_each_channel_of_the_parser_of_clothes_stands_for_a_class_of_deepfashion() -> None:
    published = (
        "Background Hat Hair Sunglasses Upper-clothes Skirt Pants Dress Belt Left-shoe Right-shoe Face Left-leg "
    )
    published += "Right-leg Left-arm Right-arm Bag Scarf"
    ids = segformer.PUBLISHED["segformer_clothes"].ids
    found: dict[str, str] = {}
    for channel, number in zip(published.split(), ids, strict=True):
        found[deepfashion.NAMES[number]] = f"{found.get(deepfashion.NAMES[number], '')} {channel}".strip()
    assert found == {
        "background": "Background Bag",
        "hair": "Hat Hair",
        "face": "Sunglasses Face",
        "top-clothes": "Upper-clothes Dress Scarf",
        "bottom-clothes": "Skirt Pants Belt",
        "shoes": "Left-shoe Right-shoe",
        "skin": "Left-leg Right-leg Left-arm Right-arm",
    }
    unknown = segformer.unknown("segformer_clothes", deepfashion.NAMES)
    assert [deepfashion.NAMES[number] for number in unknown] == ["socks"]


def test_every_network_has_a_choice_and_a_row_of_weights() -> None:
    choices = set(get_args(SegmenterConfig.model_fields["network"].annotation))
    assert choices - {"trained"} == set(segformer.PUBLISHED)
    for name in segformer.PUBLISHED:
        row = weights.TABLE[name]
        assert len(row.digest) == 64
        assert row.sha256 in row.file
        assert re.fullmatch(r".*/resolve/[0-9a-f]{40}/pytorch_model\.bin", row.url)
        assert "not commercial" in row.license or row.license == "MIT"


def test_weights_that_are_not_here_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"'segformer_ade20k' \(segformer-b5-ade20k-.*bin\) are not on this machine"):
        segformer.load("segformer_ade20k")


@pytest.mark.usefixtures("theirs")
def test_a_file_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = segformer.PUBLISHED[NAME]
    other = segformer.Published(row.finds, row.classes, ids=(1, 2), side=row.side, sizes=row.sizes)
    monkeypatch.setitem(segformer.PUBLISHED, NAME, other)
    with pytest.raises(WeightsError, match=rf"{NAME}.bin does not fit {NAME}: 2 tensors differ, .*classifier.bias"):
        segformer.load(NAME)


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ParamsError, match=r"pip install 'smis\[segmenters\]'"):
        segformer.load(NAME)


@pytest.mark.parametrize(
    ("name", "classes"), [("segformer_ade20k", 150), ("segformer_cityscapes", 19), ("segformer_clothes", 7)]
)
def test_a_data_set_of_other_classes_is_refused(name: str, classes: int) -> None:
    with pytest.raises(ParamsError, match=rf"{name} finds .* but the data set has {classes} classes; take `network"):
        segformer.check(name, classes=classes)


def test_the_rule_says_both_sizes() -> None:
    rule = segformer.rule("segformer_cityscapes", height=256, width=512)
    assert rule == "image to 1024 x 2048, bilinear, antialiased; scores to 256 x 512, bilinear"

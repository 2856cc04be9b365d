import json
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from smis.core.errors import DiskError, ParamsError, WeightsError
from smis.metrics.segmenter import SegmenterConfig, load, published, save, trained
from tests import segformers

SMALL = SegmenterConfig.model_validate({"depth": 3, "width": 16, "steps": 20, "batch": 8})
CPU = torch.device("cpu")
FACTS: dict[str, Any] = {
    "classes": ["dark", "bright", "unlabeled"],
    "ignored": [2],
    "height": 32,
    "width": 32,
    "results": {},
}
NAME = "segformer_ade20k"
IDS = (1, 2)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a tiny network, made from a seed, stand for the published one."""
    return lambda seed: segformers.put(NAME, tmp_path, ids=IDS, classes=4, patch=monkeypatch, seed=seed)


def facts(*classes: str, ignored: Sequence[int] = ()) -> dict[str, Any]:
    return {**FACTS, "classes": list(classes), "ignored": ignored}


def test_a_trained_one_is_saved_and_loaded_and_has_the_same_bytes_twice(tmp_path: Path, image: torch.Tensor) -> None:
    network = SMALL.build(classes=3, height=32, width=32, seed=0).eval()
    made = trained(network, SMALL, facts=FACTS)
    for name in ("a", "b"):
        save(tmp_path / name, made)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = load(tmp_path / "a", device=CPU)
    assert torch.equal(found.predict(image), made.predict(image))
    assert found.facts == made.facts
    assert found.ignored == {2}
    assert found.protocol == {"segmenter": "resnet18", "weights": found.checksum, "resize": "none", "ignore": [2]}
    assert len(found.checksum) == 8


def test_without_unlabeled_pixels_a_trained_one_ignores_nothing() -> None:
    network = SMALL.build(classes=2, height=32, width=32, seed=0)
    assert trained(network, SMALL, facts=facts("dark", "bright")).ignored == frozenset()


def test_a_published_one_is_saved_without_weights_and_loaded_again(
    put: Any, tmp_path: Path, image: torch.Tensor
) -> None:
    put(0)
    made = published(NAME, facts=facts("other", "a", "b", "c", "unlabeled", ignored=[4]), device=CPU)
    save(tmp_path / "s", made)
    assert (tmp_path / "s").stat().st_size < 1000
    found = load(tmp_path / "s", device=CPU)
    assert torch.equal(found.predict(image), made.predict(image))
    assert set(found.predict(image).unique().tolist()) == set(IDS)
    assert found.ignored == {0, 3, 4}
    assert found.facts["network"] == NAME
    assert found.protocol == {
        "segmenter": NAME,
        "weights": found.facts["weights"][:8],
        "resize": "image to 64 x 64, bilinear, antialiased; scores to 32 x 32, bilinear",
        "ignore": [0, 3, 4],
    }


def test_other_weights_than_those_that_were_measured_are_refused(put: Any, tmp_path: Path) -> None:
    put(0)
    save(tmp_path / "s", published(NAME, facts=facts("other", "a", "b", "c"), device=CPU))
    put(1)
    with pytest.raises(WeightsError, match=rf"weights of {NAME} whose SHA-256 begins .* run `dvc repro segmenter`"):
        load(tmp_path / "s", device=CPU)


def test_weights_that_were_taken_away_are_named(put: Any, tmp_path: Path) -> None:
    put(0)
    save(tmp_path / "s", published(NAME, facts=facts("other", "a", "b", "c"), device=CPU))
    (tmp_path / f"{NAME}.bin").unlink()
    with pytest.raises(WeightsError, match=rf"'{NAME}' .* are not on this machine"):
        load(tmp_path / "s", device=CPU)


def test_classes_are_counted_before_weights_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path))
    with pytest.raises(ParamsError, match="the data set has 2 classes; take `network: trained`"):
        published(NAME, facts=FACTS, device=CPU)


def test_a_missing_or_broken_segmenter_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no segmenter .*; run the stage"):
        load(tmp_path / "s.safetensors", device=CPU)
    (tmp_path / "s.safetensors").write_bytes(b"12345")
    with pytest.raises(WeightsError, match="is broken"):
        load(tmp_path / "s.safetensors", device=CPU)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    segmenter = trained(SMALL.build(classes=3, height=32, width=32, seed=0), SMALL, facts=FACTS)
    with no_file_larger_than(1000), pytest.raises(DiskError, match=r"cannot write .*s: file too large; free space"):
        save(tmp_path / "s", segmenter)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"classes": []}, "classes"),
        ({"classes": "abc"}, "classes"),
        ({"height": 10**9}, "height"),
        ({"width": None}, "width"),
        ({"config": {"depth": 99}}, "config|depth"),
        ({"config": [1]}, "config"),
        ({"ignored": ["a"]}, "ignored"),
        ({"classes": ["a"]}, "size mismatch"),
    ],
)
def test_a_segmenter_that_contradicts_itself_is_broken(tmp_path: Path, facts: dict[str, Any], reason: str) -> None:
    good = trained(SMALL.build(classes=3, height=32, width=32, seed=0), SMALL, facts=FACTS)
    save(tmp_path / "s", replace(good, facts={**good.facts, **facts}))
    with pytest.raises(WeightsError, match=rf"s is broken \(.*({reason}).*\); delete it and run") as refused:
        load(tmp_path / "s", device=CPU)
    assert "\n" not in str(refused.value)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    network = SMALL.build(classes=3, height=32, width=32, seed=0)
    save(tmp_path / "s", trained(network, SMALL, facts={**FACTS, "format": 2}))
    with pytest.raises(WeightsError, match=r"is broken \(format: Input should be 1 \(it is 2\)\)"):
        load(tmp_path / "s", device=CPU)


def test_an_unknown_network_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ParamsError, match=r"segmenter.network: .*'trained', 'segformer_ade20k', 'segformer_cityscapes' or"
    ):
        SegmenterConfig.check(json.loads('{"network": "drn"}'), source="params.yaml", at="segmenter")

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open

from pipelines.segmenter import run as stage
from smis.core.errors import ParamsError, WeightsError
from smis.metrics.segmenter import load
from tests import segformers
from tests.pipelines.measured import COUNTS, PARAMS, SIZE, lay_out

OUT = Path("runs/paperdoll/segmenter.safetensors")
CPU = torch.device("cpu")
NETWORK = "segformer_cityscapes"
IDS = (1, 2, 3, 5)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_the_same_seed_gives_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    stage.main("paperdoll")
    first = OUT.read_bytes()
    OUT.unlink()
    stage.main("paperdoll")
    assert OUT.read_bytes() == first
    assert "mIoU_real" in capsys.readouterr().out


def test_the_file_says_how_well_it_does_on_real_test_images() -> None:
    stage.main("paperdoll")
    results = load(OUT, device=CPU).facts["results"]
    assert set(results) == {"mIoU_real", "accuracy_real"}
    assert results["mIoU_real"]["protocol"]["label_maps"] == COUNTS["test"]
    assert 0 < results["accuracy_real"]["value"] <= 1
    json.dumps(results, allow_nan=False)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ask for a published network; a tiny one stands for it, its weights in this folder."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**PARAMS, "segmenter": {"network": NETWORK, "batch": 4}}))
    folder = tmp_path / "weights"
    folder.mkdir()
    segformers.put(NETWORK, folder, ids=IDS, classes=8, patch=monkeypatch)
    return folder


def test_a_published_network_is_measured_and_named(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage.main("paperdoll")
    with safe_open(OUT, framework="pt") as file:
        assert list(file.keys()) == []
        facts = json.loads(file.metadata()["segmenter"])
    assert (facts["network"], len(facts["weights"])) == (NETWORK, 64)
    protocol = facts["results"]["mIoU_real"]["protocol"]
    assert (protocol["segmenter"], protocol["weights"]) == (NETWORK, facts["weights"][:8])
    assert protocol["resize"] == f"image to 64 x 64, bilinear, antialiased; scores to {SIZE} x {SIZE}, bilinear"
    assert protocol["label_maps"] == COUNTS["test"]
    assert 0 < facts["results"]["mIoU_real"]["value"] < 1
    assert "mIoU_real" in capsys.readouterr().out
    found = load(OUT, device=CPU)
    assert found.ignored == {0, 4, 6, 7}
    assert set(found.predict(torch.zeros(1, 3, SIZE, SIZE)).unique().tolist()) <= set(IDS)


def test_a_network_for_other_classes_is_refused_before_anything_is_read(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(weights.parent)
    monkeypatch.setenv("SMIS_WEIGHTS", str(weights))
    with pytest.raises(ParamsError, match=f"segmenter.network: {NETWORK} finds .* but the data set has 8 classes"):
        stage.main("paperdoll")
    assert not OUT.exists()


def test_a_published_network_without_its_weights_is_one_sentence(weights: Path) -> None:
    next(weights.glob("*.bin")).unlink()
    with pytest.raises(WeightsError, match=f"weights '{NETWORK}' .* are not on this machine"):
        stage.main("paperdoll")
    assert not OUT.exists()

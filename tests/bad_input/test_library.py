"""The library refuses bad arguments with a `SmisError` that names the value; NumPy's numbers are numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import smis
from smis.core.images import validate_images
from smis.metrics import segmentation

ROOT = Path(__file__).parents[2]
Outcomes = dict[str, list[str]]


@pytest.fixture(scope="module")
def outcomes(good: Path) -> Outcomes:
    command = [sys.executable, "-m", "tests.bad_input.library_cases", str(good)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SMIS_DEVICE": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_every_bad_argument_is_a_sentence(outcomes: Outcomes) -> None:
    outcomes = {title: outcome for title, outcome in outcomes.items() if not title.startswith("good: ")}
    silent = {title: text for title, (kind, text) in outcomes.items() if kind == "nothing"}
    broken = {
        title: f"{kind}: {text}" for title, (kind, text) in outcomes.items() if kind not in ("nothing", "SmisError")
    }
    assert silent == {}
    assert broken == {}


def test_every_good_argument_gives_its_value(outcomes: Outcomes) -> None:
    good = {title: outcome for title, outcome in outcomes.items() if title.startswith("good: ")}
    assert {title: outcome for title, outcome in good.items() if outcome != ["nothing", "True"]} == {}
    assert good


def test_a_sentence_is_one_line(outcomes: Outcomes) -> None:
    assert {title: text for title, (_, text) in outcomes.items() if "\n" in text or len(text) > 500} == {}


def test_bright_half_and_masked_images_are_images_of_minus_1_to_1() -> None:
    bright = torch.linspace(1 / 255, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)  # the darkest byte is 128
    masked = torch.where(torch.arange(8) < 2, 0.0, bright)
    dark = (torch.linspace(0, 255, 192).round() / 127.5 - 1).reshape(1, 3, 8, 8)
    for image in (bright, masked, dark, dark * 1.009, torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)):
        assert validate_images(image) is image
        for dtype in (torch.float16, torch.bfloat16, torch.float64):
            assert torch.equal(validate_images(image.to(dtype)), image.to(dtype).float())


def test_numbers_of_numpy_are_classes_and_ids(good: Path) -> None:
    synth = smis.load(good / "groupdnet.safetensors", device="cpu")
    style, other = (synth.sample(good / "labels" / "a.png", seed=seed, samples=2) for seed in (0, 1))
    hair: Any = np.int64(synth.classes.index("hair"))
    half: Any = np.float32(0.5)
    quarter: Any = torch.tensor(0.25)
    one, two = cast("list[Any]", [np.int64(1), torch.tensor(2)])
    seeds, ids = cast("list[Any]", [np.array([1]), np.array([hair])])
    same = [
        (style.resample([hair], seed=seeds), style.resample("hair", seed=1)),
        (style.resample(ids), style.resample(["hair"])),
        (style.mix(other, {hair: half}), style.mix(other, {"hair": 0.5})),
        (style.morph(other, quarter), style.morph(other, 0.25)),
        (style.copy(other, source=hair, target=hair), style.copy(other, source="hair", target="hair")),
        (style[one], style[1]),
        (style.repeat(two), style.repeat(2)),
    ]
    for actual, expected in same:
        assert torch.equal(synth(actual.labels, actual), synth(expected.labels, expected))


def test_an_ignored_id_below_0_is_no_class() -> None:
    metric = segmentation.Segmentation(classes=2, ignore=-1, protocol={})
    truth = torch.tensor([[[0, 1, 1, -1]]])
    metric.update(["a"], torch.tensor([[[1, 1, 1, 1]]]), truth)
    assert metric.counts["a"].tolist() == [[0, 2], [1, 2], [0, 3]]


@pytest.mark.parametrize("seed", [np.int64(7), np.uint8(7), torch.tensor(7), np.array(7)])
def test_numbers_of_numpy_and_torch_are_seeds(good: Path, seed: Any) -> None:
    synth = smis.load(good / "groupdnet.safetensors", device="cpu")
    labels = good / "labels" / "a.png"
    expected, actual = synth.sample(labels, seed=7), synth.sample(labels, seed=seed)
    assert torch.equal(synth(labels, actual), synth(labels, expected))

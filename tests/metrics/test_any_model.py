"""`model_diversity.measure` asks a model for nothing but images."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smis.core.errors import ImageError, ParamsError
from smis.core.images import to_image
from smis.datasets.paperdoll import Config as PaperDollConfig
from smis.metrics import model_diversity
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.result import Bootstrap

SIZE, SAMPLES = 32, 3


class Renderer:
    """A perfect generator: the data set draws its own layouts again, one class or one instance, or everything."""

    def __init__(self) -> None:
        self.reader = PaperDollConfig(size=SIZE, train=1, validation=1, test=2).build()
        layouts = {f"test/{index}": self.reader.layout("test", index) for index in range(2)}
        self.labels = {key: torch.from_numpy(each.labels).long()[None] for key, each in layouts.items()}
        self.instances = {key: torch.from_numpy(each.instances.astype(np.int64))[None] for key, each in layouts.items()}
        self._layouts = {self.labels[key].numpy().tobytes(): each for key, each in layouts.items()}

    def __call__(self, labels: Tensor, *, samples: int, seed: int, resample: Any, **what: Tensor) -> Tensor:
        layout, numbers = self._layouts[labels.numpy().tobytes()], np.random.default_rng(seed)
        if isinstance(resample, tuple):  # with one person, an instance is a class
            resample = int(labels[what["instances"] == resample[1]][0])
        base, drawn = self.reader.appearance(numbers), []
        for _ in range(samples):
            fresh, changed = self.reader.appearance(numbers), base.copy()
            changed[:, slice(None) if resample is None else resample] = fresh[
                :, slice(None) if resample is None else resample
            ]
            drawn.append(self.reader.render(layout, changed, hard=True))
        return to_image(np.stack(drawn))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture(scope="module")
def measured(renderer: Renderer, alex: PerceptualDistance) -> dict:
    return model_diversity.measure(
        renderer,
        renderer.labels,
        instances=renderer.instances,
        network=alex,
        samples=SAMPLES,
        bootstrap=Bootstrap(50),
    )


def test_a_perfect_generator_changes_nothing_outside(measured: dict) -> None:
    assert set(measured) == {"stlpips_alex", "mCSD", "mOCD", "mISD", "mOISD"}
    for name in ("mOCD", "mOISD"):
        assert (measured[name].value, measured[name].interval) == (0, (0, 0))


def test_its_mcsd_is_that_of_the_real_styles(measured: dict, renderer: Renderer, alex: PerceptualDistance) -> None:
    """Ten lines: every pair, everything outside the class set to zero, then over maps, then over classes."""
    per_class: dict[int, list[float]] = {}
    for key, labels in renderer.labels.items():
        seed = model_diversity.generator(0, "diversity", key).initial_seed()
        for number in labels.unique().tolist():
            image = renderer(labels, samples=SAMPLES, seed=seed, resample=number) * (labels == number)
            values = [alex(image[[a]], image[[a + 1]]).item() for a in range(SAMPLES - 1)]
            per_class.setdefault(number, []).append(float(np.mean(values)))
    assert measured["mCSD"].value == pytest.approx(np.mean([np.mean(each) for each in per_class.values()]), rel=1e-5)


def test_where_an_instance_is_a_class_misd_is_mcsd_over_maps(measured: dict) -> None:
    assert measured["mISD"].value == pytest.approx(measured["mCSD"].value, rel=0.2)
    assert measured["mISD"].interval[0] <= measured["mISD"].value <= measured["mISD"].interval[1]


def test_a_result_says_how_it_was_measured(measured: dict) -> None:
    facts = {"network": "stlpips_alex", "weights": "b356b382", "label_maps": 2, "samples": 3, "region": "mask"}
    assert facts.items() <= measured["mCSD"].protocol.items()
    assert {"resize": "none", "device": "cpu"}.items() <= measured["stlpips_alex"].protocol.items()


def test_the_class_that_is_ignored_is_not_resampled(renderer: Renderer, alex: PerceptualDistance) -> None:
    asked: list[Any] = []

    def generate(labels: Tensor, *, samples: int, seed: int, resample: Any) -> Tensor:
        asked.append(resample)
        return renderer(labels, samples=samples, seed=seed, resample=resample)

    one = {"a": renderer.labels["test/0"]}
    results = model_diversity.measure(generate, one, ignore=0, network=alex, samples=2, bootstrap=Bootstrap(5))
    assert asked == [None, *(number for number in one["a"].unique().tolist() if number)]
    assert set(results) == {"stlpips_alex", "mCSD", "mOCD"}


def test_images_of_another_size_and_no_pairs_are_refused(renderer: Renderer, alex: PerceptualDistance) -> None:
    def generate(labels: Tensor, **_: Any) -> Tensor:
        return torch.zeros(2, 3, 16, 16)

    with pytest.raises(ImageError, match=r"gave images \(2, 3, 16, 16\), but \(2, 3, 32, 32\) were asked for"):
        model_diversity.measure(generate, renderer.labels, network=alex, samples=2)
    with pytest.raises(ParamsError, match="samples is 1; give a whole number from 2 to 10000"):
        model_diversity.measure(generate, renderer.labels, network=alex, samples=1)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (
            lambda image: ((image + 1) * 127.5).byte(),
            r"\(2, 3, 32, 32\) of uint8, .*`smis\.core\.images\.to_image` makes it of bytes",
        ),
        (lambda image: (image + 1) * 127.5, r"values from 0 to 255, .*; scale them: image / 127\.5 - 1"),
        (lambda image: (image + 1) / 2, r"values from 0 to 1, .*; scale them: image \* 2 - 1"),
        (
            lambda image: image.masked_fill(image > 0.9, torch.nan),
            "values from nan to nan, .*the model that they are from is broken",
        ),
        (
            lambda image: image.masked_fill(image > 0.9, torch.inf),
            "values from -1 to inf, .*the model that they are from is broken",
        ),
    ],
)
def test_images_of_another_range_are_refused(
    spoil: Any, what: str, renderer: Renderer, alex: PerceptualDistance
) -> None:
    def generate(labels: Tensor, *, samples: int, **_: Any) -> Tensor:
        return spoil(torch.linspace(-1, 1, samples * 3 * SIZE * SIZE).reshape(samples, 3, SIZE, SIZE))

    with pytest.raises(ImageError, match=f"the model's images: {what}"):
        model_diversity.measure(generate, renderer.labels, network=alex, samples=2)


def test_a_model_that_takes_samples_but_no_seed_is_refused(renderer: Renderer, alex: PerceptualDistance) -> None:
    def generate(labels: Tensor, *, samples: int, resample: int | None = None) -> Tensor:
        raise AssertionError("it must not be asked")

    with pytest.raises(ParamsError, match="takes samples alone; let it take both `samples` and `seed`, or neither"):
        model_diversity.measure(generate, renderer.labels, network=alex, samples=2)


def test_a_model_that_draws_one_image_is_called_for_each(renderer: Renderer, alex: PerceptualDistance) -> None:
    calls: list[Any] = []

    def generate(labels: Tensor, resample: int | None = None) -> Tensor:
        calls.append(resample)
        numbers = torch.Generator().manual_seed(len(calls))
        fresh = torch.rand(1, 3, SIZE, SIZE, generator=numbers) * 2 - 1
        return fresh if resample is None else fresh * (labels == resample)

    one = {"a": renderer.labels["test/0"]}
    found = model_diversity.measure(generate, one, network=alex, samples=SAMPLES)
    assert len(calls) == SAMPLES * (1 + len(one["a"].unique()))
    assert found["mOCD"].value == 0 < found["mCSD"].value


def test_an_instance_of_the_class_that_is_ignored_is_not_resampled(alex: PerceptualDistance) -> None:
    labels = torch.ones(1, SIZE, SIZE, dtype=torch.long)
    labels[:, :9] = 255
    asked: list[Any] = []

    def generate(labels: Tensor, *, samples: int, seed: int, resample: Any, **_: Any) -> Tensor:
        asked.append(resample)
        return torch.rand(samples, 3, SIZE, SIZE) * 2 - 1

    instances = {"a": torch.where(labels == 255, 7, 3)}
    found = model_diversity.measure(generate, {"a": labels}, instances=instances, ignore=255, network=alex, samples=2)
    assert asked == [None, 1, ("instance", 3)]
    assert found["mISD"].protocol["ignore"] == found["mCSD"].protocol["ignore"] == [255]
    assert "ignore" not in found["stlpips_alex"].protocol
    nothing = {"a": torch.full_like(labels, 255)}
    assert set(model_diversity.measure(generate, nothing, ignore=255, network=alex, samples=2)) == {"stlpips_alex"}

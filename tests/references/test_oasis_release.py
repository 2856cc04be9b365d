"""OASIS against its authors' released code, at width 4 on 8 classes and "unknown": same weights and draws in, same
numbers out.
"""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.losses.segmentation_losses import label_mix_consistency
from smis.models.oasis import Config, Oasis
from smis.nn.label_mix import label_mix, label_mix_mask
from smis.training.ema import ExponentialMovingAverage
from tests.references.released import (
    Released,
    Tape,
    add,
    check_gradients,
    check_state,
    close,
    fill,
    made_up_for,
    read,
    scalars,
    tape,
)

CLASSES = 9
LATER = 10**9
"""A step at which the moving average has its full decay."""
TERMS = {"adv": "GAN", "fake": "D_Fake", "real": "D_Real", "labelmix": "D_LabelMix"}
SMALL = {
    "preset": "ade20k",
    "width": 4,
    "noise_channels": 8,
    "discriminator": {"width": 8, "multiples": [2, 2, 3, 3, 4, 4], "last": 2},
}


made_up = partial(made_up_for, "oasis_ade20k")


class CoinTape(Tape):
    """Plays the released code's draws; it draws a coin for each class that is there."""

    def __init__(self, draws: list[Tensor], labels: Tensor) -> None:
        super().__init__(draws)
        self._present = labels.unique().tolist()

    def coins(self, count: int, *, device: torch.device | str = "cpu") -> Tensor:
        found = torch.zeros(count, dtype=torch.long)
        for class_id in self._present:
            found[class_id] = next(self._draws)
        return found.to(device)


@pytest.fixture(scope="module")
def released() -> Released:
    return read("oasis_ade20k")


@pytest.fixture(scope="module")
def filled(released) -> Oasis:
    system = Config.model_validate(SMALL).build(classes=CLASSES, height=64, width=64, training=False)
    for letter, network in (("G", system.generator), ("D", system.discriminator)):
        fill(network, released, letter, made_up)
    return system


@pytest.fixture
def system(filled) -> Oasis:
    return deepcopy(filled)


@pytest.fixture
def averaged(system, released) -> Oasis:
    """The system with the released moving average in the generator's place."""
    fill(system.generator, released, "EMA", made_up)
    return system


@pytest.fixture(scope="module")
def batches(released) -> list[Batch]:
    found = []
    for number in ("", "_2"):
        labels = released[f"inputs/label{number}"].long().squeeze(1)
        image = released[f"inputs/image_uint8{number}"].float() / 127.5 - 1
        found.append(Batch(image, labels, torch.zeros_like(labels), ("a", "b")))
    return found


@pytest.fixture(scope="module")
def batch(batches) -> Batch:
    return batches[0]


def coins(released: Released, part: str, batch: Batch, *, first: int = 0) -> CoinTape:
    names = [f"{part}/{n}" for n in range(first, 99) if f"{part}/{n}" in released]
    return CoinTape([released[name] for name in names], batch.labels)


def check_terms(ours: dict[str, Tensor], released: Released, prefix: str) -> None:
    theirs = {TERMS[name]: value for name, value in scalars(released, prefix).items()}
    assert {name: term.item() for name, term in ours.items()} == pytest.approx(theirs, rel=1e-5, abs=1e-5)


def check_stats(ours: Tensor, theirs: Tensor, *, within: float, name: str) -> None:
    norm, total, first = theirs.tolist()
    flat = ours.double().flatten()
    assert flat.norm().item() == pytest.approx(norm, rel=within, abs=within), name
    assert flat.sum().item() == pytest.approx(total, rel=within, abs=within * len(flat) ** 0.5), name
    assert flat[0].item() == pytest.approx(first, rel=within, abs=within), name


def check_every(tensors: dict[str, Tensor], released: Released, prefix: str, *, within: float) -> None:
    for name, tensor in tensors.items():
        if not name.endswith("num_batches_tracked"):  # the release's batch normalization never counts
            check_stats(tensor, released[f"{prefix}/{name}"], within=within, name=name)


def test_the_label_map_is_the_released_one(system, released, batch):
    counts = torch.stack([torch.bincount(each.flatten(), minlength=CLASSES) for each in batch.labels])
    assert torch.equal(counts.float(), released["eval/semantics_channel_sums"])
    assert torch.equal(batch.labels + 1, released["eval/target_real"].long())
    assert not released["eval/target_fake"].any()


def test_classes_weigh_as_released(system, released, batch):
    weights = system._class_weights(batch.labels)
    close(weights[batch.labels][:, None], released["eval/weight_map"])


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, tape(released, "eval", count=1))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            logits = system.discriminator(image)
            close(logits[..., ::4, ::4], released[f"eval/{name}"])
            check_stats(logits, released[f"eval/{name}_stats"], within=1e-4, name=name)


def test_the_moving_average_gives_the_released_image(averaged, released, batch):
    averaged.eval()
    with torch.no_grad():
        style = averaged.sample(batch.labels, batch.instances, tape(released, "eval", count=1))
        close(averaged.synthesize(batch.labels, batch.instances, style), released["eval/fake_EMA"])


def test_label_mix_is_the_released_one(system, released, batch):
    system.eval()
    noise = coins(released, "eval/rng_draws_D", batch)
    with torch.no_grad():
        fake = system.reconstruct(batch, noise)
        close(fake, released["eval/labelmix/fake"])
        mask = label_mix_mask(batch.labels, noise.coins(CLASSES), redraw_unknown=True)
        assert torch.equal(mask, released["eval/labelmix/mask"].float())
        mixed = label_mix(mask, batch.image, fake)
        close(mixed, released["eval/labelmix/mixed"])
        on_fake, on_real, on_mixed = (system.discriminator(image) for image in (fake, batch.image, mixed))
    close(on_mixed[..., ::4, ::4], released["eval/labelmix/D_mixed"])
    close(on_fake[..., ::4, ::4], released["eval/labelmix/D_fake"])
    loss = 10 * label_mix_consistency(mask, on_real=on_real, on_fake=on_fake, on_mixed=on_mixed)
    assert loss.item() == pytest.approx(released["eval/D_losses/labelmix"].item(), rel=1e-5)


@pytest.mark.parametrize("case", range(22))
def test_masks_of_small_maps_are_the_released_ones(released, case):
    labels, draws, mask = (released[f"labelmix_masks/{case}/{name}"] for name in ("label", "draws", "mask"))
    labels = labels.long().squeeze(1)
    found = torch.zeros(256, dtype=torch.long)
    found[labels.unique()] = draws.long()
    assert torch.equal(label_mix_mask(labels, found, redraw_unknown=True), mask.float())


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    system.eval()
    terms = system.generator_terms(batch, tape(released, "eval", count=1))
    check_terms(terms, released, "eval/G_losses/")
    add(terms).backward()
    check_gradients(system.generator, released, "eval/G_grad_stats/G")
    system.zero_grad()
    terms = system.discriminator_terms(batch, coins(released, "eval/rng_draws_D", batch))
    check_terms(terms, released, "eval/D_losses/")
    add(terms).backward()
    check_gradients(system.discriminator, released, "eval/D_grad_stats")


def test_one_training_step_of_each_side_ends_in_the_released_state_and_average(
    system, averaged, filled, released, batch
):
    tensors = {f"generator.{name}": tensor for name, tensor in averaged.generator.state_dict().items()}
    system = deepcopy(filled).train()
    average = ExponentialMovingAverage(
        {"generator": system.generator}, decay=released["train/EMA_decay"].item(), average_buffers=True
    )
    average.load(tensors)
    betas = tuple(released["train/betas"].tolist())

    descent = torch.optim.Adam(system.generator.parameters(), lr=released["train/lr_G"].item(), betas=betas)
    terms = system.generator_terms(batch, tape(released, "train", count=1))
    check_terms(terms, released, "train/G_losses/")
    add(terms).backward()
    check_gradients(system.generator, released, "train/G_grad_stats/G")
    descent.step()
    check_state(system, released, "G")

    system.zero_grad()
    descent = torch.optim.Adam(system.discriminator.parameters(), lr=released["train/lr_D"].item(), betas=betas)
    terms = system.discriminator_terms(batch, coins(released, "train/rng_draws", batch, first=1))
    check_terms(terms, released, "train/D_losses/")
    add(terms).backward()
    check_gradients(system.discriminator, released, "train/D_grad_stats", within=2e-2)
    descent.step()
    check_state(system, released, "D")

    average.update(LATER)
    found = {name.removeprefix("generator."): tensor for name, tensor in average.tensors.items()}
    check_every(found, released, "train/EMA_stats_after", within=1e-5)
    for name in ("conv_img.weight", "body.5.conv_1.weight_orig"):
        torch.testing.assert_close(found[name], released[f"train/EMA_tensors_after/{name}"], atol=1e-6, rtol=0)


def test_batch_statistics_of_the_average_are_collected_as_released(system, averaged, filled, released, batches):
    tensors = {f"generator.{name}": tensor for name, tensor in averaged.generator.state_dict().items()}
    system = deepcopy(filled)
    average = ExponentialMovingAverage(
        {"generator": system.generator}, decay=released["train/EMA_decay"].item(), average_buffers=True
    )
    average.load(tensors)
    average.update(LATER)
    seen = [batches[number] for number in released["ema_run_stats/batches"].tolist()]
    noises = [Tape([released[f"ema_run_stats/rng_draws/{number}"]]) for number in range(len(seen))]
    with average.applied():
        average.collect_statistics(partial(system.reconstruct, *each) for each in zip(seen, noises, strict=True))
    found = {name.removeprefix("generator."): tensor for name, tensor in average.tensors.items()}
    check_every(found, released, "ema_run_stats/EMA_stats_after", within=1e-5)
    buffers = {name: released[f"ema_run_stats/EMA_buffers_after/{name}"] for name in found if "running" in name}
    for name, theirs in buffers.items():
        close(found[name], theirs)

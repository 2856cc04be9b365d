"""INADE against the authors' released code at width 8: same weights and draws in, same numbers out.

`inade_deepfashion_vae.safetensors` holds that code's weights (float16 without loss), inputs, draws and outputs on one
CPU process. Its VGG-19 was filled with made-up weights, which are made up again here.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.core.style import Style
from smis.models.inade import Config, Inade, borrow
from smis.nn.edges import instance_edges
from smis.nn.perceptual import VGG19, perceptual_network

SLOTS = 14
SECTIONS = {"G": "generator", "E": "encoder", "D": "discriminator"}


class Tape(Noise):
    """Plays the released code's draws in its order."""

    def __init__(self, draws: list[Tensor]) -> None:
        self._draws = iter(draws)

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        drawn = next(self._draws)
        assert tuple(drawn.shape) == shape
        return drawn.to(device)


@pytest.fixture(scope="module")
def released() -> dict[str, Tensor]:
    return load_file(Path(__file__).with_name("inade_deepfashion_vae.safetensors"))


@pytest.fixture(scope="module")
def vgg() -> dict[str, Tensor]:
    tensors = {}
    slice_of = {0: 1, 2: 2, 5: 2, 7: 3, 10: 3} | dict.fromkeys((12, 14, 16, 19), 4) | dict.fromkeys((21, 23, 25, 28), 5)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512]
    keys = [key for keys in VGG19 for key in keys if key != "pool"]
    for key, before, after in zip(keys, channels, channels[1:], strict=False):
        layer = int(key.removeprefix("features."))
        tensors[f"{key}.weight"] = _made_up(f"slice{slice_of[layer]}.{layer}.weight", (after, before, 3, 3))
        tensors[f"{key}.weight"] *= np.sqrt(2 / (9 * before))
        tensors[f"{key}.bias"] = _made_up(f"slice{slice_of[layer]}.{layer}.bias", (after,)) * 0.05
    return {key: tensor.float() for key, tensor in tensors.items()}


def _made_up(name: str, shape: tuple[int, ...]) -> Tensor:
    random = np.random.RandomState(zlib.crc32(f"vgg.{name}".encode()))
    return torch.from_numpy(random.standard_normal(shape))


@pytest.fixture
def system(released, vgg) -> Inade:
    config = Config.model_validate(
        {"preset": "deepfashion", "width": 8, "encoder_width": 8, "discriminator": {"width": 8}, "slots": SLOTS}
    )
    system = config.build(classes=8, height=64, width=64, training=False)
    for letter, name in SECTIONS.items():
        state = {k.removeprefix(f"state/{letter}/"): v for k, v in released.items() if k.startswith(f"state/{letter}/")}
        network = system.get_submodule(name)
        assert set(state) == set(network.state_dict())
        network.load_state_dict(state)
    system.perceptual = perceptual_network("vgg19", vgg, weights=config.perceptual.slices)
    return system


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    image = released["image"].float() / 127.5 - 1
    return Batch(image, released["labels"].long(), released["instances"].long(), ("a", "b"))


def tape(released, part: str, first: int = 0) -> Tape:
    return Tape([released[f"{part}/rng_draws/{number}"] for number in (first, first + 1)])


def scalars(released, prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v.item() for k, v in released.items() if k.startswith(prefix)}


def add(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def check_terms(ours: dict[str, Tensor], theirs: dict[str, float]) -> None:
    theirs = {name.replace("D_real", "D_Real"): value for name, value in theirs.items()}
    assert {name: term.item() for name, term in ours.items()} == pytest.approx(theirs, rel=1e-5, abs=1e-5)


def check_gradients(network: torch.nn.Module, released, prefix: str) -> None:
    """Compare each parameter's gradient: its norm to 1e-3, its sum and first element as far as they can be."""
    for name, parameter in network.named_parameters():
        norm, total, first = released[f"{prefix}/{name}"].tolist()
        assert parameter.grad is not None, name
        assert parameter.grad.norm().item() == pytest.approx(norm, rel=1e-3, abs=1e-5), name
        assert parameter.grad.sum().item() == pytest.approx(total, rel=1e-3, abs=1e-3 * norm + 1e-5), name
        assert parameter.grad.flatten()[0].item() == pytest.approx(first, rel=1e-3, abs=1e-3 * norm + 1e-5), name


def check_state(system: Inade, released, prefix: str) -> None:
    """Compare norm, sum and first element of every tensor.

    Adam's first step goes by a gradient's sign. Where the whole gradient is round-off (a bias in front of a
    normalisation), so is the direction of the step: there each element may differ by a step there and back.
    """
    for letter, name, tensor in states(system):
        gradients = "D_grad_stats" if letter == "D" else f"G_grad_stats/{letter}"
        gradient = released.get(f"train/{gradients}/{name}")
        free = 2 * released[f"train/lr_{'D' if letter == 'D' else 'G'}"].item()
        free *= float(gradient is not None and gradient[0].item() < 1e-5)
        flat = tensor.double().flatten()
        norm, total, first = released[f"{prefix}/{letter}/{name}"].tolist()
        assert flat.norm().item() == pytest.approx(norm, rel=2e-5, abs=1e-4 + free * len(flat) ** 0.5), (letter, name)
        assert flat.sum().item() == pytest.approx(total, rel=2e-5, abs=(1e-4 + free) * len(flat)), (letter, name)
        assert flat[0].item() == pytest.approx(first, rel=2e-5, abs=1e-4 + free), (letter, name)


def states(system: Inade) -> Iterator[tuple[str, str, Tensor]]:
    for letter, section in SECTIONS.items():
        for name, tensor in system.get_submodule(section).state_dict().items():
            # the release's batch normalisation never counts
            if not name.endswith("num_batches_tracked"):
                yield letter, name, tensor


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_the_encoder_gives_the_released_distributions(system, released, batch):
    mean, log_variance = system.encoder.eval()(batch.image, batch.instances, slots=SLOTS)
    for t, letter in enumerate("sb"):
        close(mean[:, :, t], released[f"eval/{letter}_mu"])
        close(log_variance[:, :, t], released[f"eval/{letter}_logvar"])


def test_edges_are_the_released_ones(released, batch):
    assert torch.equal(instance_edges(batch.instances), released["eval/edge_map"].float())


def test_generator_and_discriminator_give_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.encode(batch.image, batch.labels, batch.instances, tape(released, "eval"))
        fake = system.synthesise(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            verdicts = system.discriminator(torch.cat([system._semantics(batch), image], dim=1))
            for scale in (0, 1):
                for layer in (1, 2, 3, 4):
                    close(verdicts[scale][layer], released[f"eval/{name}/{scale}/{layer}"])


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    system.eval()
    terms = system.generator_terms(batch, tape(released, "eval"))
    check_terms(terms, scalars(released, "eval/G_losses/"))
    add(terms).backward()
    for letter in "GE":
        check_gradients(system.get_submodule(SECTIONS[letter]), released, f"eval/G_grad_stats_total/{letter}")
    system.zero_grad()
    terms = system.discriminator_terms(batch, tape(released, "eval"))
    check_terms(terms, scalars(released, "eval/D_losses/"))
    add(terms).backward()
    check_gradients(system.discriminator, released, "eval/D_grad_stats")


def test_without_the_perceptual_term_gradients_are_the_released_ones(system, released, batch):
    system.eval()
    terms = system.generator_terms(batch, tape(released, "eval"))
    del terms["VGG"]
    add(terms).backward()
    for letter in "GE":
        check_gradients(system.get_submodule(SECTIONS[letter]), released, f"eval/G_grad_stats_no_vgg/{letter}")


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    system.train()
    betas = tuple(released["train/betas"].tolist())
    ge = [*system.generator.parameters(), *system.encoder.parameters()]
    descent = torch.optim.Adam(ge, lr=released["train/lr_G"].item(), betas=betas)
    terms = system.generator_terms(batch, tape(released, "train"))
    check_terms(terms, scalars(released, "train/G_losses/"))
    add(terms).backward()
    for letter in "GE":
        check_gradients(system.get_submodule(SECTIONS[letter]), released, f"train/G_grad_stats/{letter}")
    descent.step()
    check_state(system, released, "train/state_stats_after_G")

    system.zero_grad()
    descent = torch.optim.Adam(system.discriminator.parameters(), lr=released["train/lr_D"].item(), betas=betas)
    terms = system.discriminator_terms(batch, tape(released, "train", first=2))
    check_terms(terms, scalars(released, "train/D_losses/"))
    add(terms).backward()
    check_gradients(system.discriminator, released, "train/D_grad_stats")
    descent.step()
    check_state(system, released, "train/state_stats_after_D")


@pytest.mark.parametrize("which", ["prior", "ref"])
def test_an_instance_follows_an_exemplar_as_in_the_released_demo(system, released, batch, which):
    system.eval()
    style = Style(released["demo/noise_ins"], instances=released["demo/noise"])
    source, target = (int(released[f"demo/{name}"]) for name in ("ref_index", "target_index"))
    with torch.no_grad():
        if which == "ref":
            exemplar = system.encoder(batch.image[[source]], batch.instances[[source]], slots=SLOTS)
            ids = {"target": int(released["demo/inst_id"]), "source": int(released["demo/ref_inst_id"])}
            style = borrow(style, exemplar, **ids, released=True)
        fake = system.synthesise(batch.labels[[target]], batch.instances[[target]], style)
    close(fake, released[f"demo/fake_{which}"])

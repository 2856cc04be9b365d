"""What tests against the authors' released code share: its draws, its made-up weights, and how numbers are compared.

The `.safetensors` beside this file hold inputs, draws and outputs of that code on one CPU process.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.nn import spade_norm
from smis.nn.trunks import vgg19

Released = dict[str, Tensor]
SECTIONS = {"G": "generator", "E": "encoder", "D": "discriminator"}


class Tape(Noise):
    """Plays the released code's draws in its order."""

    def __init__(self, draws: list[Tensor]) -> None:
        self._draws = iter(draws)

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        drawn = next(self._draws)
        assert drawn.numel() == np.prod(shape)
        return drawn.view(shape).to(device, torch.get_default_dtype())


def tape(released: Released, part: str, first: int = 0, count: int = 2) -> Tape:
    return Tape([released[f"{part}/rng_draws/{number}"] for number in range(first, first + count)])


def read(name: str) -> Released:
    """Read a file beside this one; tensors named `PATH/*` are stacked ones, whose names the metadata has."""
    with safe_open(Path(__file__).with_name(f"{name}.safetensors"), "pt") as file:
        names = {key: json.loads(text) for key, text in (file.metadata() or {}).items()}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    stacked = {key: tensors.pop(key) for key in names}
    return tensors | {
        key.removesuffix("*") + name: row
        for key, rows in stacked.items()
        for name, row in zip(names[key], rows, strict=True)
    }


def fill(
    network: nn.Module,
    released: Released,
    letter: str,
    made_up: Callable[[str, Tensor], Tensor] | None = None,
) -> None:
    """Make up the parameters as the release's were, and take from the file what it has: buffers, and INADE's norms."""
    made_up = made_up or made_up_parameter
    parameters = {name: made_up(f"{letter}.{name}", p) for name, p in network.named_parameters()}
    prefix = f"state/{letter}/"
    stored = {key.removeprefix(prefix): value for key, value in released.items() if key.startswith(prefix)}
    # the release's batch normalization never counts
    counts = {name: b for name, b in network.named_buffers() if name.endswith("num_batches_tracked")}
    network.load_state_dict(parameters | stored | counts)


def made_up_parameter(name: str, parameter: Tensor) -> Tensor:
    fan_in = parameter[0].numel() if parameter.dim() > 1 else 100
    return torch.from_numpy((_drawn(name, parameter.shape) / np.sqrt(fan_in)).astype(np.float16)).float()


def made_up_for(case: str, name: str, parameter: Tensor) -> Tensor:
    """Make up a parameter of CLADE, OASIS or SEAN, whose draws also go by the case."""
    drawn = _drawn(f"{case}.{name}", parameter.shape)
    if "class_specified_affine" in name:
        drawn = 0.3 * drawn + 0.8 * name.endswith("weight")
    elif parameter.dim() == 1:
        drawn = (0.7 if "blending" in name else 0.2 if "noise_var" in name else 0.1) * drawn
    else:
        gains = {"conv_img": 0.8, "layer_up_last": 5.0}
        gains |= {} if case.startswith("clade") else {"gamma.weight": 0.5, "beta.weight": 0.5}
        gain = next((gain for part, gain in gains.items() if part in name), 1.0)
        drawn = drawn * (np.sqrt(2 / parameter[0].numel()) * gain)
    return torch.from_numpy(drawn.astype(np.float32)).half().float()


def made_up_vgg() -> dict[str, Tensor]:
    tensors = {}
    slice_of = {0: 1, 2: 2, 5: 2, 7: 3, 10: 3} | dict.fromkeys((12, 14, 16, 19), 4) | dict.fromkeys((21, 23, 25, 28), 5)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512]
    keys = [key.removesuffix(".weight") for key in vgg19().state_dict() if key.endswith(".weight")]
    for key, (before, after) in zip(keys, pairwise(channels), strict=True):
        layer = int(key.removeprefix("features."))
        name = f"vgg.slice{slice_of[layer]}.{layer}"
        weight = _drawn(f"{name}.weight", (after, before, 3, 3)) * np.sqrt(2 / (9 * before))
        tensors[f"{key}.weight"] = torch.from_numpy(weight).float()
        tensors[f"{key}.bias"] = torch.from_numpy(_drawn(f"{name}.bias", (after,)) * 0.05).float()
    return tensors


def _drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)


def scalars(released: Released, prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v.item() for k, v in released.items() if k.startswith(prefix)}


def add(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours.to(theirs.dtype), theirs, atol=1e-4, rtol=0)


def check_terms(ours: dict[str, Tensor], theirs: dict[str, float], *, within: float = 1e-5) -> None:
    theirs = {name.replace("D_real", "D_Real"): value for name, value in theirs.items()}
    assert {name: term.item() for name, term in ours.items()} == pytest.approx(theirs, rel=within, abs=within)


def check_gradients(
    network: nn.Module, released: Released, prefix: str, *, within: float = 1e-3, doubles: nn.Module | None = None
) -> None:
    """Compare each parameter's gradient in three directions, `within` its norm: its own, (1, 1, ...) and (1, 0, ...).

    Single precision is not closer: gradients jump where two maxima of a pool, or a value and zero, lie within
    round-off. At 256 x 256 ours are up to 1.3e-3 of their norm off our own in double precision, and in these three
    directions up to 4.4e-4; the release's are 4.2e-4 off. With `doubles`, the same network and gradients in double
    precision, what round-off does to ours may be done to the release's as well.
    """
    exact = {name: p.grad for name, p in doubles.named_parameters() if p.grad is not None} if doubles else {}
    for name, parameter in network.named_parameters():
        if f"{prefix}/{name}" not in released:  # of a class that is nowhere at this size
            assert parameter.grad is None or not parameter.grad.any(), name
            continue
        norm, total, first = released[f"{prefix}/{name}"].tolist()
        assert parameter.grad is not None, name
        ones = parameter.numel() ** 0.5
        blur = 2 * (parameter.grad - exact[name]).norm().item() if name in exact else 0.0
        close_to = {"abs": within * norm + 1e-5 + blur, "rel": 0}
        assert parameter.grad.norm().item() == pytest.approx(norm, **close_to), name
        assert parameter.grad.sum().item() / ones == pytest.approx(total / ones, **close_to), name
        assert parameter.grad.flatten()[0].item() == pytest.approx(first, **close_to), name


def check_state(system: Any, released: Released, after: str) -> None:
    """Compare norm, sum and first element of every tensor after a training step.

    Adam's first step goes by a gradient's sign. Where an element's gradient is round-off so is the direction of the
    step, and it may differ by a step there and back; that is all of a bias in front of a normalization.
    """
    for letter, name, tensor in _states(system):
        flat = tensor.double().flatten()
        norm, total, first = released[f"train/state_stats_after_{after}/{letter}/{name}"].tolist()
        anywhere, at_first = _freedom(released, letter, name, len(flat))
        assert flat.norm().item() == pytest.approx(norm, rel=2e-5, abs=anywhere * len(flat) ** 0.5), (letter, name)
        assert flat.sum().item() == pytest.approx(total, rel=2e-5, abs=anywhere * len(flat)), (letter, name)
        assert flat[0].item() == pytest.approx(first, rel=2e-5, abs=at_first), (letter, name)


def _freedom(released: Released, letter: str, name: str, count: int) -> tuple[float, float]:
    """Say how far a tensor's elements, and its first one, may be off: 1e-4 for buffers, for parameters by the step."""
    gradient = released.get(f"train/D_grad_stats/{name}" if letter == "D" else f"train/G_grad_stats/{letter}/{name}")
    if gradient is None:
        return 1e-4, 1e-4
    norm, _, first = gradient.tolist()
    step = released["train/lr_D" if letter == "D" else "train/lr_G"].item()
    all_unsure, first_unsure = norm < 1e-5, abs(first) < 5e-2 * norm / count**0.5
    return step * (2 if all_unsure else 0.1), 2 * step if all_unsure or first_unsure else step / 50


def _states(system: Any) -> Iterator[tuple[str, str, Tensor]]:
    for letter, network in (_drawing(system) | {"D": system.discriminator}).items():
        for name, tensor in network.state_dict().items():
            # the release's batch normalization never counts
            if not name.endswith("num_batches_tracked"):
                yield letter, name, tensor


def _drawing(system: Any) -> dict[str, nn.Module]:
    """Return generator and encoder; SPADE has no encoder."""
    return {"G": system.generator} | ({"E": system.encoder} if system.encoder is not None else {})


def check_verdicts(ours: list[list[Tensor]], released: Released, prefix: str) -> None:
    """Compare the first picture's outputs of every layer, of which the file does not have all places."""
    for scale, layers in enumerate(ours):
        for layer, (output, stride) in enumerate(zip(layers, (8, 4, 4, 4, 1), strict=True)):
            close(output[:1, :, ::stride, ::stride], released[f"{prefix}/{scale}/{layer}"])


def check_evaluation(system: Any, batch: Batch, released: Released, *, draws: int = 1, within: float = 1e-3) -> None:
    """Compare every term and gradient in evaluation, those of the generator without and with the perceptual term."""
    system.eval().zero_grad()
    terms = system.generator_terms(batch, tape(released, "eval", count=draws))
    check_terms(terms, scalars(released, "eval/G_losses/"))
    seen = terms.pop("VGG")
    add(terms).backward(retain_graph=True)
    for letter, network in _drawing(system).items():
        check_gradients(network, released, f"eval/G_grad_stats_no_vgg/{letter}", within=within)
    seen.backward()
    for letter, network in _drawing(system).items():
        check_gradients(network, released, f"eval/G_grad_stats_total/{letter}", within=within)
    system.zero_grad()
    terms = system.discriminator_terms(batch, tape(released, "eval", count=draws))
    check_terms(terms, scalars(released, "eval/D_losses/"))
    add(terms).backward()
    check_gradients(system.discriminator, released, "eval/D_grad_stats", within=within)


def check_training_step(
    system: Any, batch: Batch, released: Released, *, draws: int = 1, within: float = 1e-3, after: float = 3e-2
) -> None:
    """Compare every term, every gradient and every state of one step of the generator and one of the discriminator.

    The discriminator sees what the generator makes `after` its step, which goes by the signs of gradients, round-off
    or not: at 256 x 256 its gradients are up to 8e-3 of their norm off the released ones, and so are ours in double
    precision (9e-3). So here every place of a map is convolved, as in the release. Looked up, the gradients are nearer
    to double precision (4e-6 of the norm for SPADE, convolved 1e-3), but not the same round-off. Which
    round-off it is, the processor decides: with oneDNN's AVX2 convolutions SPADE's D_Fake is 1e-7 off and the
    discriminator's first bias has its gradient, with those for AVX-512 they are 1.3e-5 and 2.03e-2 off.
    """
    with pytest.MonkeyPatch.context() as convolved:
        convolved.setattr(spade_norm, "_WORTHWHILE", float("inf"))
        _check_training_step(system, batch, released, draws=draws, within=within, after=after)


def _check_training_step(
    system: Any, batch: Batch, released: Released, *, draws: int, within: float, after: float
) -> None:
    betas = tuple(released["train/betas"].tolist())
    system.train().zero_grad()
    drawing = [parameter for network in _drawing(system).values() for parameter in network.parameters()]
    descent = torch.optim.Adam(drawing, lr=released["train/lr_G"].item(), betas=betas)
    terms = system.generator_terms(batch, tape(released, "train", count=draws))
    check_terms(terms, scalars(released, "train/G_losses/"))
    add(terms).backward()
    for letter, network in _drawing(system).items():
        check_gradients(network, released, f"train/G_grad_stats/{letter}", within=within)
    descent.step()
    check_state(system, released, "G")

    system.zero_grad()
    descent = torch.optim.Adam(system.discriminator.parameters(), lr=released["train/lr_D"].item(), betas=betas)
    terms = system.discriminator_terms(batch, tape(released, "train", first=draws, count=draws))
    check_terms(terms, scalars(released, "train/D_losses/"), within=min(after, 1e-4))
    add(terms).backward()
    check_gradients(system.discriminator, released, "train/D_grad_stats", within=after)
    descent.step()
    check_state(system, released, "D")

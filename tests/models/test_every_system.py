"""The exam that every row of the registry takes; what is special about a system stands in a file of its own.

A row comes with a preset `paperdoll`, which needs no download; sizes that it shares with others are made tiny here.
"""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.errors import CheckpointError
from smis.core.seeding import Noise, generator
from smis.core.style import Style
from smis.models.system_registry import SYSTEMS
from smis.nn.spectral_norm import fold_spectral_norm

CLASSES, HEIGHT, WIDTH = 6, 32, 64
TINY = {
    "width": 2,
    "encoder_width": 2,
    "encoder_size": 32,
    "hidden": 4,
    "slots": 12,
    "upsamplings": 4,
    "levels": 5,
    "discriminator": {"width": 4},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "inade without encoder": ("inade", {"encoder": False}),
    "clade with encoder": ("clade", {"variational": True}),
    "clade with positions and edges": ("clade", {"positions": True, "edges": True}),
    "oasis, noise by class": ("oasis", {"noise": "class"}),
    "oasis, noise by instance": ("oasis", {"noise": "instance"}),
}
"""Systems with an option that adds a network, leaves one out or draws other codes, which take the exam as well."""
VARIES = {"clade with encoder": "global"}
"""What an option makes vary."""


def build(name: str, *, training: bool = True) -> Any:
    name, options = VARIANTS.get(name, (name, {}))
    config = SYSTEMS.load(name)
    tiny = {key: value for key, value in TINY.items() if key in config.model_fields}
    section = config.model_validate({"preset": "paperdoll"} | tiny | options)
    system = section.build(classes=CLASSES, height=HEIGHT, width=WIDTH, training=training)
    for weight in system.parameters():
        # fresh networks give pictures that are all the same gray
        nn.init.normal_(weight, std=0.3)
    return system


@pytest.fixture(scope="module", params=[*sorted(SYSTEMS), *VARIANTS])
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def built(name) -> Any:
    torch.manual_seed(0)
    return settled(build(name))


def settled(system: Any) -> Any:
    """Let spectral normalization find its vectors: until then evaluation divides by anything."""
    system.train()
    with torch.no_grad():
        for step in range(10):
            system.generator_terms(batch_of(4), noise(step))
            system.discriminator_terms(batch_of(4), noise(step))
    return system


@pytest.fixture
def system(built) -> Any:
    built.zero_grad()
    return built.train()


def noise(seed: int = 0, *, share: int = 0, shares: int = 1) -> Noise:
    return Noise(generator(seed, "test"), share=share, shares=shares)


def layout(pictures: int, *, classes: int) -> tuple[Tensor, Tensor]:
    """Lay upright bars of equal width, one for each class and instance, moved from picture to picture."""
    bars = torch.arange(WIDTH) * classes // WIDTH
    rows = torch.stack([bars.roll(5 * picture) for picture in range(pictures)])
    instances = rows[:, None].expand(-1, HEIGHT, -1).contiguous()
    # a class that is alone is not the first one
    return instances.clone() if classes > 1 else instances + 3, instances


def batch_of(pictures: int = 2, *, classes: int = CLASSES) -> Batch:
    image = torch.rand(pictures, 3, HEIGHT, WIDTH, generator=generator(1)) * 2 - 1
    return Batch(image, *layout(pictures, classes=classes), tuple("abcd"[:pictures]))


def picture(system: Any, style: Style, batch: Batch) -> Tensor:
    with torch.no_grad():
        return system.eval().synthesize(batch.labels, batch.instances, style)


def drawn(system: Any, seed: int, batch: Batch) -> Tensor:
    return picture(system, system.sample(batch.labels, batch.instances, noise(seed)), batch)


def codes(style: Style) -> dict[str, Tensor]:
    found = {field.name: getattr(style, field.name) for field in fields(style)}
    return {key: value for key, value in found.items() if value is not None}


def networks(system: Any) -> list[nn.Module]:
    return [network for network in (system.generator, system.encoder) if network is not None]


def reached(network: nn.Module) -> list[str]:
    """Name the parameters that a gradient reached; in front of a normalization a bias's own may be exactly 0."""
    return [name for name, p in network.named_parameters() if p.grad is not None and (p.dim() == 1 or p.grad.any())]


def trainable(network: nn.Module) -> list[str]:
    return [name for name, parameter in network.named_parameters() if parameter.requires_grad]


def is_finite_scalar(term: Tensor) -> bool:
    return term.shape == () and bool(term.isfinite())


def test_folded_spectral_norms_give_the_same_pictures_and_codes_bit_for_bit(name, system):
    batch, folded = batch_of(), build(name, training=False).eval()
    for ours, theirs in zip(networks(folded), networks(system), strict=True):
        ours.load_state_dict(theirs.state_dict())
        fold_spectral_norm(ours)
        assert not [key for key in ours.state_dict() if key.endswith("_orig")]
    style = system.eval().sample(batch.labels, batch.instances, noise())
    assert torch.equal(picture(folded, style, batch), picture(system, style, batch))
    with torch.no_grad():
        encoded = [codes(each.encode(batch.image, batch.labels, batch.instances, noise())) for each in (system, folded)]
    assert all(torch.equal(encoded[1][key], code) for key, code in encoded[0].items())


def test_it_says_what_it_is_and_what_it_varies(name, system):
    config = SYSTEMS.load(VARIANTS.get(name, (name,))[0])
    assert config.title
    assert config.paper
    assert system.varies == VARIES.get(name, config.varies)
    assert config.varies in {"nothing", "global", "class", "instance"}


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_preset_is_a_setting(name):
    config = SYSTEMS.load(name)
    assert {preset: type(config.model_validate({"preset": preset})) for preset in config.presets} == dict.fromkeys(
        config.presets, config
    )


@pytest.mark.parametrize("classes", [1, CLASSES])
def test_with_one_class_and_with_all_its_terms_are_named_finite_scalars(system, classes):
    batch = batch_of(classes=classes)
    terms = system.generator_terms(batch, noise())
    assert set(terms) >= {"GAN"}
    assert {name: is_finite_scalar(term) for name, term in terms.items()} == dict.fromkeys(terms, True)
    terms = system.discriminator_terms(batch, noise())
    assert set(terms) >= {"D_Fake", "D_Real"}
    assert {name: is_finite_scalar(term) for name, term in terms.items()} == dict.fromkeys(terms, True)


def test_the_generators_terms_reach_every_parameter_of_generator_and_encoder(system):
    torch.stack(list(system.generator_terms(batch_of(), noise()).values())).sum().backward()
    for network in networks(system):
        assert reached(network) == trainable(network)


def test_the_discriminators_terms_reach_every_parameter_of_the_discriminator_and_no_other(system):
    torch.stack(list(system.discriminator_terms(batch_of(), noise()).values())).sum().backward()
    assert reached(system.discriminator) == trainable(system.discriminator)
    assert [name for network in networks(system) for name in reached(network)] == []


def test_without_training_there_is_no_perceptual_network_and_with_it_none_of_it_is_saved(name, system):
    assert build(name, training=False).perceptual is None
    assert [key for key in system.state_dict() if key.startswith("perceptual")] == []


@pytest.mark.parametrize("classes", [1, CLASSES])
def test_a_picture_has_the_size_of_its_layout_and_lies_between_minus_one_and_one(system, classes):
    image = drawn(system, 0, batch_of(classes=classes))
    assert image.shape == (2, 3, HEIGHT, WIDTH)
    assert image.dtype == torch.float32
    assert image.abs().max() <= 1
    assert image.std() > 0


def test_one_seed_gives_one_picture_and_two_seeds_two_if_anything_varies(system):
    batch = batch_of()
    first, again, other = (drawn(system, seed, batch) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (system.varies == "nothing")


def test_what_is_drawn_anew_for_one_class_changes_the_picture(system):
    if system.varies == "nothing":
        pytest.skip("the system is deterministic and says so")
    batch = batch_of()
    base, other = (system.sample(batch.labels, batch.instances, noise(seed)) for seed in (0, 1))
    style = base.replaced(other, classes=[2])
    assert not torch.equal(picture(system, style, batch), picture(system, base, batch))
    kept = base.replaced(other, classes=[])
    assert torch.equal(picture(system, kept, batch), picture(system, base, batch)) == (system.varies != "global")


def test_draws_do_not_depend_on_how_a_batch_is_split(system):
    labels, instances = layout(4, classes=CLASSES)
    whole = codes(system.sample(labels, instances, noise()))
    parts = [
        codes(system.sample(labels[n : n + 2], instances[n : n + 2], noise(share=n // 2, shares=2))) for n in (0, 2)
    ]
    for key, code in whole.items():
        assert torch.equal(code, torch.cat([part[key] for part in parts]))


def test_in_evaluation_the_terms_of_a_batchs_parts_average_to_those_of_the_whole(system):
    batch = batch_of(4)
    halves = [
        replace(batch, image=batch.image[n], labels=batch.labels[n], instances=batch.instances[n], shares=2)
        for n in (slice(0, 2), slice(2, 4))
    ]
    system.eval()
    with torch.no_grad():
        for terms_of in (system.generator_terms, system.discriminator_terms):
            whole = terms_of(batch, noise())
            parts = [terms_of(half, noise(share=part, shares=2)) for part, half in enumerate(halves)]
            for name, term in whole.items():
                torch.testing.assert_close(
                    (parts[0][name] + parts[1][name]) / 2, term, msg=lambda m, n=name: f"{n}: {m}"
                )


def test_one_layout_serves_many_codes(system):
    batch, one = batch_of(), batch_of(1)
    style = system.sample(one.labels, one.instances, noise()).repeated(2)
    twice = batch.labels[[0, 0]], batch.instances[[0, 0]]
    with torch.no_grad():
        many = system.eval().synthesize(*twice, style)
        torch.testing.assert_close(system.synthesize(one.labels, one.instances, style), many)


def test_an_encoded_picture_is_a_style_like_a_drawn_one(system):
    if system.encoder is None:
        pytest.skip("the system has no encoder")
    batch = batch_of()
    system.eval()
    with torch.no_grad():
        mean, again = (system.encode(batch.image, batch.labels, batch.instances, None) for _ in range(2))
        near = system.encode(batch.image, batch.labels, batch.instances, noise())
    prior = system.sample(batch.labels, batch.instances, noise())
    shapes = {key: code.shape for key, code in codes(prior).items()}
    assert {key: code.shape for key, code in codes(mean).items()} == shapes
    assert {key: code.shape for key, code in codes(near).items()} == shapes
    assert torch.equal(picture(system, mean, batch), picture(system, again, batch))
    assert not torch.equal(picture(system, mean, batch), picture(system, near, batch))


def test_without_an_encoders_weights_it_learns_from_what_is_drawn_or_says_that_it_cannot(name, system, monkeypatch):
    config = SYSTEMS.load(VARIANTS.get(name, (name,))[0])
    can_do_without = system.encoder is None or "encoder" in config.model_fields
    monkeypatch.setitem(system._modules, "encoder", None)
    for terms_of in (system.generator_terms, system.discriminator_terms):
        if can_do_without:
            assert all(is_finite_scalar(term) for term in terms_of(batch_of(), noise()).values())
            continue
        with pytest.raises(CheckpointError, match=r"has no encoder's weights, .* import it again with --encoder FILE$"):
            terms_of(batch_of(), noise())


def test_it_survives_being_saved_and_loaded(name, system):
    batch = batch_of()
    other = build(name, training=False)
    assert not torch.equal(drawn(other, 0, batch), drawn(system, 0, batch))
    other.load_state_dict(load(save(system.state_dict())))
    assert torch.equal(drawn(other, 0, batch), drawn(system, 0, batch))


def test_the_discriminator_judges_the_image_that_it_is_given_as_it_judges_one_made_anew(system):
    batch, seen = batch_of(), []
    hook = system.generator.register_forward_hook(lambda network, given, image: seen.append(image.detach()))
    state = {name: tensor.clone() for name, tensor in system.state_dict().items()}
    anew = system.discriminator_terms(batch, noise())
    hook.remove()
    system.load_state_dict(state)  # spectral vectors went on
    given = system.discriminator_terms(batch, noise(1), seen[0])
    assert len(seen) == 1
    for terms in (given, anew):
        terms.pop("D_LabelMix", None)  # what mixes images is drawn for the discriminator alone
    torch.testing.assert_close(given, anew, rtol=0, atol=0)

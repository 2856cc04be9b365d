"""INADE's sizes, styles and draws; `tests/references/test_inade_release.py` has its numbers."""

import pytest
import torch

from smis.core.batch import Batch
from smis.core.errors import LabelError, ParamsError
from smis.core.seeding import Noise, generator
from smis.core.style import Style, classes_of
from smis.models.inade import Config, borrow
from smis.nn.perceptual import PerceptualNetwork
from smis.nn.trunks import Trunk
from smis.training.distributed import DistributedContext
from smis.training.loop import Trainer, TrainingConfig

CLASSES = 8
SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "slots": 6, "discriminator": {"width": 4, "layers": 3}}


def small(section=None):
    torch.manual_seed(0)
    system = (
        Config.model_validate(SMALL | (section or {}))
        .build(classes=CLASSES, height=32, width=32, training=False)
        .train()
    )
    # the released start is so close to zero that every picture is gray and every distribution standard
    for weight in system.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return system


def layout(pictures=2):
    """Instance 0 is the background, 1 and 2 share a class, 3 has its own; slots 4 and 5 are empty."""
    instances = torch.arange(4).view(2, 2).repeat_interleave(16, 0).repeat_interleave(16, 1)
    labels = torch.tensor([0, 5, 5, 7])[instances]
    return labels.expand(pictures, -1, -1), instances.expand(pictures, -1, -1)


def codes(style):
    """Return everything's and every instance's."""
    assert style.global_latent is not None
    assert style.instances is not None
    return style.global_latent, style.instances


def noise(share=0, shares=1):
    return Noise(generator(0, "test"), share=share, shares=shares)


def test_a_slot_has_the_class_of_its_instance_and_an_empty_one_none():
    assert classes_of(*layout(), slots=6).tolist() == [[0, 5, 5, 7, -1, -1]] * 2


def test_redrawing_a_class_redraws_its_instances_and_keeps_the_rest():
    system, (labels, instances) = small().eval(), layout()
    base, other = (system.sample(labels, instances, Noise(generator(seed))) for seed in (0, 1))
    style = base.replaced(other, classes=[5])
    kept, redrawn = (codes(one)[1] for one in (base, other))
    assert torch.equal(codes(style)[0], codes(base)[0])
    assert torch.equal(codes(style)[1][:, [0, 3]], kept[:, [0, 3]])
    assert torch.equal(codes(style)[1][:, [1, 2]], redrawn[:, [1, 2]])
    with torch.no_grad():
        before, after = (system.synthesize(labels, instances, one) for one in (base, style))
    assert not torch.equal(before, after)


def test_draws_do_not_depend_on_how_a_batch_is_split():
    system, (labels, instances) = small(), layout(4)
    whole = codes(system.sample(labels, instances, noise()))
    parts = [codes(system.sample(labels[:2], instances[:2], noise(part, 2))) for part in (0, 1)]
    for drawn, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(drawn, torch.cat([first, second]))


def test_without_noise_a_code_is_the_mean_of_its_distribution():
    system, (labels, instances) = small(), layout()
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    everything, means = codes(system.encode(image, labels, instances, None))
    assert torch.equal(means, system.required_encoder()(image, instances, slots=6)[0])
    assert not everything.any()


def test_the_divergence_of_a_part_counts_as_that_of_the_whole_batch():
    system, (labels, instances) = small(), layout()
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    trunk = Trunk([torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.ReLU()], taps=(1,))
    system.perceptual = PerceptualNetwork(trunk, weights=(1.0,))
    whole, half = (
        system.generator_terms(Batch(image[:n], labels[:n], instances[:n], ("a", "b")[:n], shares=2 // n), noise())
        for n in (2, 1)
    )
    other = system.generator_terms(Batch(image[1:], labels[1:], instances[1:], ("b",), shares=2), noise())
    torch.testing.assert_close((half["KLD"] + other["KLD"]) / 2, whole["KLD"])


def test_one_layout_serves_many_codes():
    system, (labels, instances) = small().eval(), layout(3)
    style = system.sample(labels, instances, noise())
    with torch.no_grad():
        many = system.synthesize(labels, instances, style)
        torch.testing.assert_close(system.synthesize(labels[:1], instances[:1], style), many)


@pytest.mark.parametrize("kind", [torch.int64, torch.uint16])
def test_more_instances_than_slots_are_refused(kind):
    system, (_, instances) = small(), layout()
    system.check_instances(instances.to(kind))
    instances = instances.clone()
    instances[1, 0, 0] = 9
    known = (
        r"has instance id 9, but INADE was built for 6 instances \(ids 0 to 5\); set systems.inade.slots to the most"
    )
    with pytest.raises(LabelError, match=rf"^image 1 {known}"):
        system.check_instances(instances.to(kind))
    with pytest.raises(LabelError, match=rf"^train/b {known}"):
        system.check_instances(instances.to(kind), ("train/a", "train/b"))


def test_a_size_that_the_encoder_cannot_halve_is_refused_if_there_is_one():
    config = Config.model_validate(SMALL | {"upsamplings": 3})
    with pytest.raises(ParamsError, match="24 x 32 four times: both sides must be multiples of 16"):
        config.build(classes=CLASSES, height=24, width=32, training=False)
    config = Config.model_validate(SMALL | {"upsamplings": 3, "encoder": False})
    assert config.build(classes=CLASSES, height=24, width=32, training=False).encoder is None


def test_only_a_configuration_without_encoder_mentions_it():
    presets = [Config.model_validate({"preset": preset}) for preset in Config.presets]
    assert [config for config in presets if "encoder" in config.model_dump(mode="json")] == []
    bare = Config.model_validate(SMALL | {"encoder": False})
    for config in (*presets, bare):
        assert Config.model_validate_json(config.model_dump_json()) == config


def test_without_encoder_codes_are_drawn_whatever_the_image_and_have_no_divergence():
    system, (labels, instances) = small({"encoder": False}), layout()
    trunk = Trunk([torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.ReLU()], taps=(1,))
    system.perceptual = PerceptualNetwork(trunk, weights=(1.0,))
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    for ours, drawn in zip(
        codes(system.encode(image, labels, instances, noise())),
        codes(system.sample(labels, instances, noise())),
        strict=True,
    ):
        assert torch.equal(ours, drawn)
    terms = system.generator_terms(Batch(image, labels, instances, ("a", "b")), noise())
    assert set(terms) == {"GAN", "GAN_Feat", "VGG"}


def test_a_training_without_encoder_that_stops_ends_like_one_that_did_not():
    def trainer():
        torch.manual_seed(0)
        section = SMALL | {"encoder": False}
        system = Config.model_validate(section).build(classes=CLASSES, height=32, width=32, training=True)
        return Trainer(system, TrainingConfig(steps=4, batch=2, ema=0.5), DistributedContext())

    def learn(trainer, steps):
        for step in steps:
            image = torch.rand(2, 3, 32, 32, generator=generator(step)) * 2 - 1
            trainer.train_step(step, Batch(image, *layout(), ("a", "b")), seed=0)
        return trainer.state_dict()

    whole, resumed = learn(trainer(), range(1, 5)), trainer()
    resumed.load_state_dict(learn(trainer(), range(1, 3)))
    state = learn(resumed, range(3, 5))
    assert set(state["networks"]) == {"generator", "discriminator"}
    torch.testing.assert_close(state, whole, rtol=0, atol=0)
    start = trainer().state_dict()["networks"]["generator"]
    assert not torch.equal(start["fc.weight"], whole["networks"]["generator"]["fc.weight"])


def test_a_borrowed_instance_scales_and_moves_its_own_draw():
    style = Style(torch.zeros(1, 4), instances=torch.full((1, 3, 2, 5), 2.0))
    mean = torch.arange(2.0).view(1, 1, 2, 1).expand(1, 3, 2, 5)
    log_variance = torch.full((1, 3, 2, 5), 9.0).log()
    _, drawn = codes(borrow(style, (mean, log_variance), target=1, source=2))
    torch.testing.assert_close(drawn[:, 1, 0], torch.full((1, 5), 6.0))
    torch.testing.assert_close(drawn[:, 1, 1], torch.full((1, 5), 7.0))
    assert (drawn[:, [0, 2]] == 2).all()


def test_a_generator_that_knows_sketches_follows_lines_and_can_do_without():
    system = small({"sketch": True}).eval()
    labels, instances = layout()
    style = system.sample(labels, instances, noise())
    lines = torch.zeros(2, 1, *labels.shape[1:])
    with torch.no_grad():
        without, blank = (system.synthesize(labels, instances, style, sketch) for sketch in (None, lines))
        assert torch.equal(without, blank)
        assert not torch.equal(without, system.synthesize(labels, instances, style, lines + 1))


def test_sketches_cannot_be_learned_from_a_data_set_without_any():
    labels, instances = layout()
    batch = Batch(torch.zeros(2, 3, *labels.shape[1:]), labels, instances, ("a", "b"))
    with pytest.raises(ParamsError, match="the data set has no sketches to learn from"):
        small({"sketch": True}).discriminator_terms(batch, noise())

import torch

from smis.nn.instance_encoder import InstanceEncoder

SLOTS = 5


def example():
    torch.manual_seed(0)
    encoder = InstanceEncoder(width=4, noise=3)
    image = torch.rand(2, 3, 32, 48) * 2 - 1
    instances = torch.randint(SLOTS - 1, (2, 2, 3)).repeat_interleave(16, 1).repeat_interleave(16, 2)
    instances[0, 0, 0] = 0
    return encoder, image, instances


def test_the_number_of_slots_does_not_move_a_code():
    encoder, image, instances = example()
    few, many = (encoder(image, instances, slots=slots)[0] for slots in (SLOTS, 3 * SLOTS))
    torch.testing.assert_close(few, many[:, :SLOTS])


def test_an_empty_slot_is_a_standard_normal_distribution():
    encoder, image, instances = example()
    mean, log_variance = encoder(image, instances, slots=SLOTS)
    assert not mean[:, SLOTS - 1].any()
    assert not log_variance[:, SLOTS - 1].any()


def test_every_parameter_but_a_bias_before_normalization_learns():
    encoder, image, instances = example()
    mean, log_variance = encoder(image, instances, slots=SLOTS)
    (mean.square().sum() + log_variance.square().sum()).backward()
    gradients = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    silent = {name for name, gradient in gradients.items() if gradient is None or gradient.norm() < 1e-5}
    assert all(name.endswith("bias") and "conv" not in name for name in silent)


def test_codes_differ_with_the_picture():
    encoder, image, instances = example()
    assert not torch.equal(encoder(image, instances, slots=SLOTS)[0], encoder(-image, instances, slots=SLOTS)[0])

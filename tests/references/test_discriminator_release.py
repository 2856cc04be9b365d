"""The discriminators and the hinge loss against the authors' released code, in three shapes."""

import pytest

from smis.losses.adversarial_losses import discriminator_hinge, generator_hinge
from smis.nn.discriminators import MultiscaleDiscriminator
from tests.references.released import Released, check_gradients, close, fill, read


@pytest.fixture(scope="module")
def released() -> Released:
    return read("multiscale_discriminator")


@pytest.mark.parametrize(
    ("case", "shape"),
    [("default", {"scales": 2, "layers": 4}), ("d3n3", {"scales": 3, "layers": 3}), ("d1", {"scales": 1, "layers": 4})],
)
def test_outputs_losses_and_gradients_are_the_released_ones(released, case, shape):
    discriminator = MultiscaleDiscriminator(channels=11, width=8, **shape).eval()
    prefix = f"{case}/"
    fill(discriminator, {k.removeprefix(prefix): v for k, v in released.items() if k.startswith(prefix)}, "D")
    x = released["x"].clone().requires_grad_()
    outputs = discriminator(x)
    for scale, layers in enumerate(outputs):
        for layer, output in enumerate(layers):
            stride = 4 if layer < len(layers) - 1 else 1
            close(output[:, :, ::stride, ::stride], released[f"{case}/y/{scale}/{layer}"])
    fake, real = ([[output[part] for output in scale] for scale in outputs] for part in (slice(2), slice(2, 4)))
    losses = {
        "G": generator_hinge(fake),
        "D_fake": discriminator_hinge(fake, real=False),
        "D_real": discriminator_hinge(real, real=True),
    }
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(released[f"{case}/hinge/{name}"].item(), abs=1e-6)
    (losses["D_fake"] + losses["D_real"]).backward()
    check_gradients(discriminator, released, f"{case}/grad_stats")
    assert x.grad is not None
    norm, total, first = released[f"{case}/grad_x_stat"].tolist()
    assert x.grad.norm().item() == pytest.approx(norm, rel=1e-4)
    assert x.grad.sum().item() == pytest.approx(total, rel=1e-3)
    assert x.grad.flatten()[0].item() == pytest.approx(first, rel=1e-3)

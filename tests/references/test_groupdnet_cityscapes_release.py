"""GroupDNet's encoder, edges and discriminator on Cityscapes against the authors' released code.

The generator's state there is not known; `test_published_keys.py` has its names and shapes.
"""

import numpy as np
import pytest
import torch

from smis.core.batch import Batch
from smis.losses.adversarial_losses import discriminator_hinge
from smis.losses.latent_losses import kl_divergence
from smis.models.common.class_latents import ClassLatents
from smis.models.groupdnet import Config
from smis.nn.class_crops import class_crops
from tests.references.released import SECTIONS, Released, check_verdicts, close, fill, read


@pytest.fixture(scope="module")
def released() -> Released:
    return read("groupdnet_cityscapes")


@pytest.fixture(scope="module")
def system(released) -> ClassLatents:
    config = Config.model_validate(
        {"preset": "cityscapes", "width": 70, "encoder_width": 35, "discriminator": {"width": 8}}
    )
    system = config.build(classes=35, height=256, width=512, training=False)
    for letter in "ED":
        fill(system.get_submodule(SECTIONS[letter]), released, letter)
    return system.eval()


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels, instances = released["labels"].long(), released["instances"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, instances, ("a",))


def test_the_layout_has_the_released_classes_and_edges(system, released, batch):
    known = system.label_channels(batch.labels, batch.instances)
    assert torch.equal(known.sum(dim=(2, 3)), released["eval/semantics_channel_sums"])
    edges = np.packbits(known[:, -1:].numpy().astype(np.uint8))
    assert np.array_equal(edges, released["eval/edge_map"].numpy())


def test_each_class_is_cut_out_as_released(released, batch):
    crops = class_crops(batch.image, batch.labels, classes=35).dense()
    assert torch.equal(crops[:, :, ::16, ::16], released["eval/trans_img"])
    sums = torch.stack([f(crops.double()).sum(dim=(2, 3)) for f in (torch.clone, torch.abs, torch.square)])
    torch.testing.assert_close(sums.float(), released["eval/trans_img_stats"], rtol=1e-5, atol=1e-2)


def test_the_encoder_gives_the_released_distributions(system, released, batch):
    with torch.no_grad():
        mean, log_variance = system.gaussian(batch.image, batch.labels)
    close(mean.flatten(1, 2), released["eval/mu"])
    close(log_variance.flatten(1, 2), released["eval/logvar"])
    assert kl_divergence(mean, log_variance).item() == pytest.approx(released["eval/kld"].item(), rel=1e-5)


def test_the_discriminator_gives_the_released_verdicts_on_the_real_picture(system, released, batch):
    known = system.label_channels(batch.labels, batch.instances)
    with torch.no_grad():
        outputs = system.discriminator(torch.cat([known, batch.image], dim=1))
    check_verdicts(outputs, released, "eval/D_real")
    assert discriminator_hinge(outputs, real=True).item() == pytest.approx(released["eval/D_losses/D_real"].item())

"""Names and shapes of every network's state against the published checkpoints', so that those load as they are."""

import hashlib

import pytest
import torch
from torch import nn

from smis.models.system_registry import SYSTEMS


def digest(network: nn.Module) -> str:
    lines = sorted(f"{name} {list(tensor.shape)}" for name, tensor in network.state_dict().items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "preset", "classes", "width", "digests"),
    [
        ("groupdnet", "deepfashion", 8, 256, ("2434601104f4b306", "da33fa9182281948", "e9adc7379b81a7df")),
        ("groupdnet", "cityscapes", 35, 512, ("e6a09c34c08691b2", "819cedaf3fcb272a", "e56af44a32577819")),
        ("groupdnet", "ade20k", 151, 256, ("975c61c4fe549f3d", "18c22cb8b9bf3e5c", "039ba4f5234469ef")),
        ("inade", "deepfashion", 8, 256, ("d9aeca53eef92762", "22fb2d755721d182", "d3a4698919412829")),
        ("inade", "cityscapes", 35, 512, ("386256f068117631", "15420e53d57d9951", "e56af44a32577819")),
        ("inade", "ade20k", 151, 256, ("120a94e9af996d1a", "15420e53d57d9951", "c5d7158af9e1b74f")),
        ("inade", "celebamask", 19, 256, ("9c70de998d8f3932", "15420e53d57d9951", "9d01c66077f7ae2d")),
        ("oasis", "ade20k", 151, 256, ("fb1e8bf01ab55f93", "13d59a0fc308fb36")),
        ("oasis", "cityscapes", 35, 512, ("217de7d39e3f8246", "54f4c055440fe50d")),
        ("oasis", "coco", 183, 256, ("5ce6d286a3bdd929", "0900215af51f46ff")),
        ("vspade", "deepfashion", 8, 256, ("bfa8fa453e9c3668", "529fa53a7336a151", "e9adc7379b81a7df")),
        ("vspade", "cityscapes", 35, 512, ("40d8a5592417df75", "529fa53a7336a151", "e56af44a32577819")),
        ("vspade", "ade20k", 151, 256, ("09945c138382dadf", "529fa53a7336a151", "039ba4f5234469ef")),
        ("clade", "ade20k", 151, 256, ("8eb56e317af1f413", "039ba4f5234469ef")),
        ("clade", "ade20k_icpe", 151, 256, ("845ae6a939666902", "039ba4f5234469ef")),
        ("clade", "cityscapes", 35, 512, ("35d566b4c15a5e0f", "e56af44a32577819")),
        ("clade", "cityscapes_icpe", 35, 512, ("0b8657b6fe016865", "e56af44a32577819")),
        ("clade", "coco", 183, 256, ("5cd57583e2a90480", "1e73f1c375168ee0")),
        ("clade", "coco_icpe", 183, 256, ("53d7aa1e58f36942", "1e73f1c375168ee0")),
    ],
)
def test_a_preset_has_the_published_names_and_shapes(name, preset, classes, width, digests):
    config = SYSTEMS.load(name).model_validate({"preset": preset})
    with torch.device("meta"):
        system = config.build(classes=classes, height=256, width=width, training=False)
    networks = (system.generator, system.encoder, system.discriminator)
    assert tuple(digest(network) for network in networks if network is not None) == digests


def test_sean_has_the_published_names_and_shapes_with_its_encoder_inside_the_generator():
    config = SYSTEMS.load("sean").model_validate({"preset": "celebamask", "exemplars": 0})
    with torch.device("meta"):
        system = config.build(classes=19, height=256, width=256, training=False)
    system.generator.add_module("Zencoder", system.encoder)
    assert digest(system.generator) == "f4aad8dbded2f343"
    assert digest(system.discriminator) == "281f5583703a8c20"

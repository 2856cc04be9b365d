"""Parameters to the unit, as counted on the authors' code; for the ablation of GroupDNet, as its table prints them."""

import pytest

from smis.cli.systems import describe
from smis.models.system_registry import SYSTEMS


@pytest.mark.parametrize(
    ("name", "preset", "generator", "encoder", "discriminator"),
    [
        ("groupdnet", "deepfashion", 96_324_451, 12_835_712, 5_544_066),
        ("groupdnet", "cityscapes", 76_501_358, 5_768_210, 5_601_410),
        ("groupdnet", "ade20k", 68_326_847, 4_411_012, 5_836_930),
        ("vspade", "deepfashion", 96_345_283, 10_463_424, 5_544_066),
        ("vspade", "cityscapes", 101_136_579, 10_463_424, 5_601_410),
        ("vspade", "ade20k", 99_310_531, 10_463_424, 5_836_930),
        ("vspade", "ade20k_spade", 111_942_595, 10_463_424, 5_836_930),
        ("vspade", "coco", 112_626_883, 10_463_424, 5_904_514),
        ("spade", "ade20k", 96_492_483, 0, 5_836_930),
        ("spade", "cityscapes", 93_048_003, 0, 5_601_410),
        ("spade", "coco", 97_480_899, 0, 5_904_514),
        ("spade", "facades", 92_359_107, 0, 5_554_306),
        ("clade", "ade20k", 71_427_267, 0, 5_836_930),
        ("clade", "ade20k_icpe", 71_427_375, 0, 5_836_930),
        ("clade", "ade20k_vae", 86_877_379, 10_463_424, 5_836_930),
        ("clade", "cityscapes", 67_901_991, 0, 5_601_410),
        ("clade", "cityscapes_icpe", 67_902_099, 0, 5_601_410),
        ("clade", "coco", 72_505_383, 0, 5_904_514),
        ("clade", "coco_icpe", 72_505_491, 0, 5_904_514),
        ("inade", "ade20k", 90_893_827, 3_689_856, 5_838_978),
        ("inade", "celebamask", 85_115_395, 3_689_856, 5_568_642),
        ("inade", "cityscapes", 77_394_435, 3_689_856, 5_601_410),
        ("inade", "deepfashion", 84_020_995, 3_560_608, 5_546_114),
        ("inade", "deepfashion_sketch", 102_980_227, 3_560_608, 5_546_114),
        ("inade", "deepfashion_paper", 84_633_859, 3_689_856, 5_546_114),
        ("sean", "celebamask", 266_907_367 - 1_568_576, 1_568_576, 1_364_098),
        ("sean", "custom", 266_907_367 - 1_568_576, 1_568_576, 1_364_098),
        ("pix2pixhd", "cityscapes", 182_546_755, 0, 5_603_202),
        ("pix2pixhd", "cityscapes_features", 182_546_755 + 3 * 64 * 49, 788_803, 5_603_202),
        ("pix2pixhd", "cityscapes_spade", 182_525_379, 0, 5_601_410),
        ("pix2pixhd", "ade20k_spade", 182_886_019, 0, 5_836_930),
        ("oasis", "ade20k", 74_314_691, 0, 22_258_904),
        ("oasis", "cityscapes", 71_107_523, 0, 22_251_364),
        ("oasis", "coco", 75_199_427, 0, 22_260_984),
        ("bicyclegan", "deepfashion", 54_799_747, 2_590_032, 2 * 3_458_978),
    ],
)
def test_a_preset_has_the_published_parameters(name, preset, generator, encoder, discriminator):
    counted = {"generator": generator, "encoder": encoder, "discriminator": discriminator}
    assert describe(name, preset)["parameters"] == counted


@pytest.mark.parametrize("name", ["clade", "groupdnet", "inade", "spade", "vspade"])
def test_small_photographs_need_fewer_than_two_million_weights_to_generate(name):
    counted = describe(name, "clothing")["parameters"]
    assert counted["generator"] + counted["encoder"] < 2_000_000


@pytest.mark.parametrize("preset", ["clothing", "clothing_large"])
def test_every_system_is_built_for_photographs_of_people_at_both_sizes(preset):
    for name in SYSTEMS:
        assert describe(name, preset)["parameters"]["generator"] > 300_000


@pytest.mark.parametrize(
    ("name", "generator_and_encoder"),
    [
        ("mulnet", 105_149_720),
        ("groupnet", 97_693_379),
        ("groupenc", 105_561_155),
        ("groupdec", 111_312_387),
        ("vspade", 106_808_707),
        ("groupdnet", 109_160_163),
    ],
)
def test_the_ablation_table_counts_generator_and_encoder(name, generator_and_encoder):
    counted = describe(name, "deepfashion")["parameters"]
    assert counted["generator"] + counted["encoder"] == generator_and_encoder

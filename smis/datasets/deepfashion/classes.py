"""The eight classes of the parsing maps in SMIS's release, in their order."""

NAMES = ("background", "hair", "face", "top-clothes", "skin", "bottom-clothes", "shoes", "socks")

PALETTE = (
    (238, 240, 244),
    (110, 72, 55),
    (250, 190, 150),
    (64, 130, 196),
    (232, 150, 110),
    (72, 168, 122),
    (190, 62, 92),
    (244, 196, 66),
)
"""A color for showing each class's label."""

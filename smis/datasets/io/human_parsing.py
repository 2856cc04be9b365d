"""The eight classes of DeepFashion's parsing maps, in their order."""

NAMES = ("background", "hair", "face", "top-clothes", "skin", "bottom-clothes", "shoes", "socks")
BACKGROUND, HAIR, FACE, TOP, SKIN, BOTTOM, SHOES, SOCKS = range(len(NAMES))

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

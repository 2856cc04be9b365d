"""The eight classes of DeepFashion's parsing maps, in their order, and a color for showing each class's label."""

from pathlib import Path

from smis.datasets.io.file_reader import read_classes

NAMES, PALETTE = read_classes(Path(__file__).with_suffix(".txt"))
BACKGROUND, HAIR, FACE, TOP, SKIN, BOTTOM, SHOES, SOCKS = range(len(NAMES))

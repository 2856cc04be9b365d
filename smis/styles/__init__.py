"""What a person does with a trained system: draw, encode, resample, mix, morph, edit, copy an exemplar's style."""

from smis.engine.sampler import pictures as to_pictures
from smis.styles.layout import Layout
from smis.styles.style import PictureStyle
from smis.styles.synthesiser import Synthesiser, load

__all__ = ["Layout", "PictureStyle", "Synthesiser", "load", "to_pictures"]

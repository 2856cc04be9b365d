"""What a person does with a trained system: draw, encode, resample, mix, morph, edit, copy an exemplar's style."""

from smis.sampling.sampler import pictures as to_pictures
from smis.styles.layout import Layout
from smis.styles.style import PictureStyle
from smis.styles.synthesizer import Synthesizer, load

__all__ = ["Layout", "PictureStyle", "Synthesizer", "load", "to_pictures"]

"""What a person does with a trained system: sample, encode, resample, mix, morph, edit, copy."""

from smis.core.images import to_uint8
from smis.styles.image_style import ImageStyle
from smis.styles.label_layout import LabelLayout
from smis.styles.synthesizer import Synthesizer, load

__all__ = ["ImageStyle", "LabelLayout", "Synthesizer", "load", "to_uint8"]

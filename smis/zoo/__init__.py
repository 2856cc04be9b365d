"""Small trained checkpoints that come with the package: their cards, and how one is added.

`models/NAME` has `checkpoint.safetensors`, `README.md` (a model card, as Hugging Face reads it) and `labels/`, a few
label maps. `zoo:NAME` (`smis.core.checkpoint_path`) is the path of a checkpoint everywhere.
"""

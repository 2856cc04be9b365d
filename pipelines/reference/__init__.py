"""The stage `reference`: features of real images, with which FID, KID and their like compare generated ones."""

from pipelines.reference.run import Params

__all__ = ["Params"]

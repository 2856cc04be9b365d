"""Many trainings at once: which settings to try is Optuna's to say, what runs where is Prefect's."""

from flows.sweep.config import Dimension, Objective, Pruner, Sweep
from flows.sweep.flow import sweep

__all__ = ["Dimension", "Objective", "Pruner", "Sweep", "sweep"]

"""Many trainings at once: which settings to try is Optuna's to say, what runs where is Prefect's."""

from flows.sweep.config import Dimension, Objective, Pruning, Sweep
from flows.sweep.flow import sweep

__all__ = ["Dimension", "Objective", "Pruning", "Sweep", "sweep"]

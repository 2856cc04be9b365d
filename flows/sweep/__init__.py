"""Hyperparameter sweeps: Optuna chooses the settings, Prefect runs the trials, DVC restores what was made before."""

from flows.sweep.config import Dimension, Objective, Pruner, Sweep
from flows.sweep.flow import sweep

__all__ = ["Dimension", "Objective", "Pruner", "Sweep", "sweep"]

"""Hyperparameter sweeps: Optuna chooses the settings, Prefect runs the trials, DVC restores what was made before."""

from flows.sweep.config import Dimension, Pruner, Sweep, SweepObjective
from flows.sweep.flow import sweep

__all__ = ["Dimension", "Pruner", "Sweep", "SweepObjective", "sweep"]

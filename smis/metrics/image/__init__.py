"""What `train` measures of validation images, and `evaluate` of samples: Fréchet distance and diversity.

A training depends on every file here, so a metric that no training measures lies beside this package.
"""

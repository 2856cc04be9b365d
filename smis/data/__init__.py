"""The prepared format, from samples to batches; it knows no data set by name."""

"""The authors' released checkpoints to our format and back, and generators for programs that are not ours."""

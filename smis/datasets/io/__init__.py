"""What readers of data sets share: where files come from, which belong together, how they become samples."""

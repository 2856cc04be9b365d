"""The human study: pairs of pictures frozen in one file, shown to volunteers in a browser, and the numbers."""

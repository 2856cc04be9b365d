"""One data set prepared by many machines: each makes chunks of it, one puts them together."""

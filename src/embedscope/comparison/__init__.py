"""Several runs on the same queries: paired differences, the timeline of a training, aligned maps."""

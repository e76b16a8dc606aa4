"""Each measure is one function of what was scored: similarity, negatives, geometry, thresholds, storage, robustness."""

"""Uncertainty: clusters of queries, resampling, intervals, paired tests, power."""

"""The records of a run, and their one form on disk."""

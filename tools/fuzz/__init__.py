"""Broken files of every kind that embedscope reads: each is read, or refused with one message, and nothing else."""

"""Corpora larger than memory: shard folders, bounded passes, Ray, planning."""

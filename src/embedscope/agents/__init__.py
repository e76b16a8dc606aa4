"""Runs on disk, for agents: a Model Context Protocol server that reads run folders and nothing else."""

"""The documentation site, from `docs/`, the settings, the schema and the docstrings."""

"""Data sets in: queries, documents and judgments, with their identity decided once."""

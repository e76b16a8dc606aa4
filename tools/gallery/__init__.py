"""Draws the reports of docs/gallery.md; `python -m tools.gallery --output FOLDER`."""

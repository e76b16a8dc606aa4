"""The interactive page: its payload, and the one HTML file it is drawn in. Nothing here measures."""

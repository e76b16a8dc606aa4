"""What to look at and why: examples that teach, typed negatives, the readable part of the heatmap, map points."""

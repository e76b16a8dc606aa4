"""What fails, why, and what to do about it: failure modes, slices, faults of labels and of the model, in order."""

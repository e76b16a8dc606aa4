"""Pure computation: arrays in, arrays or small frozen results out; no files, no models, no global state."""

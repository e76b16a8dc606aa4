"""The generator of the sample data; `python -m tools.sample_data --output FOLDER`."""

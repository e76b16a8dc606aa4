"""A result in a notebook: summary and page, pictures, tables as data frames, the widget."""

"""A run over HTTP on this machine: the page, and a query typed in."""

"""One module a command: ``run(options) -> exit status``."""

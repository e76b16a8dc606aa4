"""The command line, generated from the settings; one module a command: ``run(settings) -> exit status``."""

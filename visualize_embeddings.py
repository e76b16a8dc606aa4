"""The original command line of the project's first user; the same as ``embedscope visualize``."""

from embedscope.cli.main import main_original

raise SystemExit(main_original())

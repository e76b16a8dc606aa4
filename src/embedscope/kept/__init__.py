"""Results kept on disk by content, beside the vectors: a second run computes only what is new."""

from embedscope.kept.program import fonts_installed, version_of
from embedscope.kept.results import NOTHING_KEPT, KeptResults, default_directory

__all__ = ["NOTHING_KEPT", "KeptResults", "default_directory", "fonts_installed", "version_of"]

"""Is what is served what was trained? The vectors of one sample of texts, encoded in two ways.

data ──► text_sample ──► encodings (MODEL, SERVED) ──► agreement ──► causes, where they differ ──► Parity
"""

from __future__ import annotations

from embedscope.parity.serving import compare_served

__all__ = ["compare_served"]

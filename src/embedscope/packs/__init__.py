"""Readers of single domains, chosen by name (``--attributes``); :mod:`embedscope.attribute_packs` finds them."""

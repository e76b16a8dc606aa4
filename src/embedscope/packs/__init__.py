"""Readers of single domains, chosen by name (``--attributes``); :mod:`embedscope.attributes` finds them."""

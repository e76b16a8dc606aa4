"""Attribute readers of single domains, off unless chosen. The core knows none of them."""

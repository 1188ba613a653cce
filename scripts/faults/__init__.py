"""Rounds of faults against a service of its own, over HTTP, and what must be true after each of them."""

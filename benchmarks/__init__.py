"""Measurements against other libraries and the bare machine; none of them is a test."""

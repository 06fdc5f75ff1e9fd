"""Zip archives of one hierarchy each (RFC-9)."""

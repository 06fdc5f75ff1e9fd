"""The only package that touches a store."""

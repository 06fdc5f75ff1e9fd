"""Repositories of icechunk."""

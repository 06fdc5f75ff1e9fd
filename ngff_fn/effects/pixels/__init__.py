"""Recipes carried out: chunks and shards, pyramids in one pass, and what a chunk may not do."""

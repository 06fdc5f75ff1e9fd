"""Directories of this machine: files, locks and flushes, one system call each."""

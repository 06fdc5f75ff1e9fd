"""From a store to a snapshot, also while a commit is being carried out in it."""

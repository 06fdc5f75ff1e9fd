"""What a dataset is: frozen records, hashable all the way down, that know neither a store nor a version."""

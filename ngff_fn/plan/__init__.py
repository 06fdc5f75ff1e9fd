"""How to make a store equal to a wanted value, as data that can be printed, tested and compared."""

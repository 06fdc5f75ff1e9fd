"""Records for the eye: text made of what they say; nothing is read for it."""

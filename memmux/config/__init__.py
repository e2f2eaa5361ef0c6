"""Configuration: the settings, where their values come from, and the paths that follow from them."""

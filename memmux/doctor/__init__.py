"""The doctor: looks at everything that a cluster needs, and says the remedy for what is not as it should be."""

"""The workers: the only processes that open the database or run a model."""

"""The tools: what a model may do with the memory."""

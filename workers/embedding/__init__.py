"""The embedding backends: onnxruntime, torch, and a hash for tests."""

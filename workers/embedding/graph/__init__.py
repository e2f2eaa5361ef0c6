"""The onnx graph of a model, built from its files without torch, and kept with its weights packed for onnxruntime."""

"""The embedding backends: onnxruntime, torch, and a hash for tests."""

import os

# Libraries that would tell their makers that they are used, unless this is set before they are imported: onnxruntime
# sends what it does to its maker and keeps a number of the machine, and huggingface-hub adds it to what it asks.
os.environ.update(ORT_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_TELEMETRY="1")

"""From pictures to vectors: pretrained models, ONNX, 8-bit, embedding a whole catalogue."""

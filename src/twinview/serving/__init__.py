"""The encoder at work: MLflow's model, scikit-learn's transformer, ONNX, folders of files."""

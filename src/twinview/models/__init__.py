"""What is saved and computes: encoder, head, probe, and the embeddings that they give."""

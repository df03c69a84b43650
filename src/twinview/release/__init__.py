"""What may be merged and promoted: the gate, the champion, the model card."""

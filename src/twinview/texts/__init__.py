"""What texts need and no other modality: tokens, and sequences of them."""

"""What pictures need and no other modality: files, warps, colours."""

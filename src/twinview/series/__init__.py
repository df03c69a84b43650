"""What time series need and no other modality: sampling between steps, statistics, plots."""

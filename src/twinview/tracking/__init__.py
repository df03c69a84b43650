"""MLflow: its store, one run for each training, one row for each executed pipeline."""

"""Where the arithmetic happens: devices, processes, batch norm, large batches in parts."""

"""What every stage script has around its work: a lock, checked settings, its processes."""

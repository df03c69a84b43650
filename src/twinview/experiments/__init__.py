"""Results as DVC and git keep them: of the folder, of commits, of experiments, over seeds."""

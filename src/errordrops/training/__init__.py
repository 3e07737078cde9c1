"""Training: networks, optimisers, checkpoints, and the steps of a run. What is here decides a run's numbers."""

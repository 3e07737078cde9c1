"""Data sets: where they come from (sources), and what of them a study uses (prepare)."""

"""What runs leave: where files are, tidy curves, the committed reference, verdicts on claims, what a study costs."""

"""errordrops: why training and test error of a ResNet drop suddenly at certain epochs, replicated with controls."""

__version__ = "0.1.0"

"""The blind detector of sudden, lasting drops: epochs and values in, drops out. It knows no schedule."""

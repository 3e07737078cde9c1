"""errordrops: why training and test error of a ResNet drop suddenly at certain epochs, replicated with controls."""

import importlib

__version__ = "0.1.0"

__all__ = ["__version__", "explain"]


def __getattr__(name: str):
    """`errordrops.explain`, loaded when it is asked for: pandas and the readers are not needed to know the version."""
    if name == "explain":
        return importlib.import_module(".explain", __name__)  # the folder, which can be called
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""`errordrops explain`: what dropped in a training log of one's own, when, by how much, and what explains it.

`readers` turn a log into curves and settings; `schedule` finds sudden changes of the settings; `events` finds drops
blind and lays them beside those; `explained` holds what was found; `sentences` says it in words, `facts` makes tables
of it, `chart` draws it, `page` writes files; `answer` puts these together; `command` is the command line. What is here
is loaded when it is asked for: the command's options need no pandas.
"""

import importlib
import sys
from types import ModuleType

__all__ = ["Explanation", "explain"]


def __getattr__(name: str):
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.answer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Folder(ModuleType):
    """`errordrops.explain(log)` explains, though `errordrops.explain` names this folder as well."""

    def __call__(self, *args, **options):
        return importlib.import_module(f"{self.__name__}.answer").explain(*args, **options)


sys.modules[__name__].__class__ = _Folder

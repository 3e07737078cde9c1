"""`errordrops explain`: what dropped in a training log of one's own, when, by how much, and what explains it.

`schedule` finds sudden changes of the settings; `events` finds drops blind and lays them beside those; `sentences` says
it in words, `chart` draws it, `page` writes files; `command` is the command line.
"""

from .answer import Explanation, explain

__all__ = ["Explanation", "explain"]

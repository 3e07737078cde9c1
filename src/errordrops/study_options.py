"""The options of the commands that take a study."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path

from .figures import FIGURES
from .results.layout import Layout
from .study.plan import PROBES


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """A reader of numbers above 0 for argparse, which names the option."""

    def read(text: str) -> float:
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"must be a number above 0, but is {text}")
        return number

    read.__name__ = kind.__name__  # "invalid int value"
    return read


def add_to(command: argparse.ArgumentParser, name: str) -> None:
    """What the command of that name takes."""
    command.add_argument("study", metavar="STUDY", help="the name of a study, or the path of its file")
    command.add_argument("--studies", default="config/studies", help="folder of the studies (%(default)s)")
    command.add_argument("--results", default="results", help="folder of the results (%(default)s)")
    command.add_argument("--data-dir", help="folder that already holds the data set")
    command.add_argument("--depth", type=int, help="depth of the network, in place of the one in the study file")
    if name in ("plan", "verify"):
        command.add_argument("--json", action="store_true", help="one JSON object instead of text")
    if name == "plan":
        cores = os.cpu_count() or 1
        command.add_argument("--cores", type=_positive(int), default=cores, help="cores for the estimate (all)")
        command.add_argument(
            "--images-per-second",
            type=_positive(float),
            help="estimate instead for GPUs that together train at this rate",
        )
    if name in ("train", "closeups", "audit", "probe"):
        command.add_argument("arm")
        command.add_argument("seed", type=int)
        command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
        command.add_argument(
            "--from-reference", action="store_true", help="take the run from results/reference if there"
        )
    if name == "foretell":
        command.add_argument("seed", type=int)
    if name in ("data", "train", "closeups", "audit", "probe"):
        command.add_argument(
            "--workers",
            type=int,
            help="processes that read images which do not fit in memory, beside each that trains (idle cores)",
        )
    if name == "probe":
        command.add_argument("probe", choices=PROBES)
    if name == "keep":
        command.add_argument(
            "--again",
            metavar="NAME",
            help="leave the reference as it is, and keep claims and provenance alone beside it, as another training",
        )
    if name == "prune":
        command.add_argument("--dry-run", action="store_true", help="say what would be freed, and remove nothing")
    if name == "figure":
        command.add_argument("figure", choices=sorted(FIGURES))


def add_to_article(command: argparse.ArgumentParser) -> None:
    """What the command takes that renders the article."""
    kept = Layout.reference("STUDY").root.parent
    command.add_argument("--reference", type=Path, default=kept, help="folder of the studies' results (%(default)s)")
    command.add_argument("--out", type=Path, default=Path("results/article/index.html"), help="the page (%(default)s)")

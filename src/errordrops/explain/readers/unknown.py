"""Logs of which no column is understood as a curve: what is said about them, and what `--list` shows."""

import re
import shlex

from .column_names import Meaning, meaning, words
from .records import LogError, Records

ROLES = {"lr": "learning rate", "batch": "batch size", "batches": "batches per epoch", "reduced": "learning rate"}
SHOWN = 30  # columns that a message names


class NoCurve(LogError):
    """No column is a curve. source: the log's name. columns: (name, what it was taken for or empty) of each."""

    def __init__(self, source: str, records: Records, given: dict[str, Meaning]) -> None:
        names = [str(name) for name in records.table.columns]
        found = {name: given.get(name) or meaning(name) for name in names}
        self.source, self.format, self.records = source, records.format, len(records.table)
        self.columns = [(name, taken(found[name])) for name in names]
        super().__init__(
            f"name the columns of {source} with {example(self.columns)}: none of them is understood as a curve "
            f"({listed(names)}), as no name says error, accuracy or loss; --list shows what was understood"
        )


def taken(found: Meaning | None) -> str:
    """What a column that is no curve was taken for."""
    return "" if found is None else ROLES.get(found.role, found.role)


def listed(names: list[str]) -> str:
    """Names for a message, without signs that a terminal would obey."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(printable(name) for name in names[:SHOWN]) + more


def printable(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable())


NO_CURVE = frozenset(
    """time timestamp date num gpus gpu seed id pid rank memory mem eta wall total elapsed duration step steps
    size""".split()
)
LOWER_IS_BETTER = re.compile(r"fid|kid|distance|divergence|wer|cer|mse|mae|rmse|lpips|ppl|cost|energy|elbo", re.I)
HIGHER_IS_BETTER = re.compile(r"psnr|ssim|snr|bleu|rouge|reward|return|score|is\d*k", re.I)


def example(columns: list[tuple[str, str]]) -> str:
    """`--column 'top=test accuracy' --column t=epoch` with names of the log that are not understood and may be curves:
    a quantity of which less is better is proposed as a loss."""
    free = [printable(name) for name, what in columns if not what] or ["NAME"]
    likely = [name for name in free if not NO_CURVE & set(words(name))] or free
    timed = any(what in ("epoch", "step") for _, what in columns)
    curve = likely[-1]
    meant = "test loss" if LOWER_IS_BETTER.search(curve) or HIGHER_IS_BETTER.search(curve) else "test accuracy"
    options = [f"{curve}={meant}"]
    if not timed and len(likely) > 1:
        options.append(f"{likely[0]}=epoch")
    return "--column NAME=MEANING, for instance " + " ".join(f"--column {shlex.quote(option)}" for option in options)


def without(name: str, records: Records) -> LogError:
    """The error for a column that the user names and the log lacks."""
    return LogError(f"there is no column {name!r}; the log has: {listed([str(c) for c in records.table.columns])}")

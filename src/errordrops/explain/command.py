"""The command `errordrops explain`."""

import argparse
import math
import sys
from pathlib import Path

from ..errors import UserError
from .answer import explain
from .listing import columns, unknown
from .readers import NoCurve, read_log
from .wording import wrapped


def run(args: argparse.Namespace) -> None:
    """Explain a log; words or JSON go to standard output. UserError for what cannot be read."""
    named = dict(pair(text) for text in args.column)
    if args.list:
        show("\n".join(understood(args.log, named)))
        return
    found = explain(
        args.log,
        milestones=numbers(args.milestones) if args.milestones else None,
        lr_schedule=args.lr_schedule,
        columns=named,
        steps_per_epoch=args.steps_per_epoch,
    )
    for ending in ("html", "png", "svg"):
        path = getattr(args, ending)
        if path:
            if Path(path).suffix.lower() != f".{ending}":
                raise UserError(f"--{ending} {path}: the name must end in .{ending}")
            found.save(path)
    show(found.to_json() if args.json else wrapped(str(found)))


def understood(log: str, named: dict[str, str]) -> list[str]:
    """What `--list` shows, also of a log of which no column is a curve."""
    try:
        return columns(read_log(log, named))
    except NoCurve as found:
        return unknown(found)


def show(text: str) -> None:
    """Print, also to a console that lacks some signs."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))


def pair(text: str) -> tuple[str, str]:
    """(name, meaning) of `name=meaning`; a name may hold an equals sign."""
    name, equals, meaning = text.rpartition("=")
    if not equals or not name.strip() or not meaning.strip():
        raise UserError(f"--column {text!r}: say NAME=MEANING, for instance --column 'top_one=test accuracy'")
    return name.strip(), meaning.strip()


def numbers(text: str) -> list[float]:
    """The numbers of `30,60`."""
    try:
        found = [float(part) for part in text.replace(";", ",").split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or not all(math.isfinite(n) for n in found):
        raise UserError(f"--milestones {text!r}: give numbers of completed epochs, such as 30,60")
    return found

"""The command `errordrops explain`."""

import argparse
import json
import math
import sys
from pathlib import Path

from ..errors import UserError
from .answer import Explanation, explain
from .listing import columns, unknown
from .readers import NoCurve, read_log
from .wording import safe, wrapped


def run(args: argparse.Namespace) -> None:
    """Explain a log; words or JSON go to standard output. UserError for what cannot be read."""
    named = dict(pair(text) for text in args.column)
    log: str | Path | list[str | Path] = args.log if len(args.log) > 1 else args.log[0]
    wanted = chosen(args.run)
    if args.list:
        show("\n".join(understood(log, named, wanted)))
        return
    if args.run == "all":
        every(args, log, named)
        return
    found = explained(args, log, named, wanted)
    for ending in ("html", "png", "svg"):
        path = getattr(args, ending)
        if path:
            if Path(path).suffix.lower() != f".{ending}":
                raise UserError(f"--{ending} {path}: the name must end in .{ending}")
            found.save(path)
    show(found.to_json() if args.json else wrapped(str(found)))


def explained(
    args: argparse.Namespace, log: str | Path | list[str | Path], named: dict[str, str], run: int | None
) -> Explanation:
    """The answer on one run."""
    return explain(
        log,
        milestones=numbers(args.milestones) if args.milestones else None,
        lr_schedule=args.lr_schedule,
        columns=named,
        steps_per_epoch=args.steps_per_epoch,
        run=run,
    )


def every(args: argparse.Namespace, log: str | Path | list[str | Path], named: dict[str, str]) -> None:
    """The answers on all runs of a log, one after another; as JSON a list."""
    if args.html or args.png or args.svg:
        raise UserError("--run all writes no page or picture: choose one run with --run N")
    runs = read_log(log, named).runs or ["run 1"]
    answers: list[Explanation | UserError] = []
    facts: list[str] = []
    for k in range(1, len(runs) + 1):
        try:
            found = explained(args, log, named, k)
            answers.append(found)
            facts.append(found.to_json())
        except UserError as error:  # a run that was stopped at once has no curve; the others have
            answers.append(error)
            facts.append(json.dumps({"run": k, "error": str(error)}))
    if all(isinstance(told, UserError) for told in answers):
        raise UserError(str(answers[-1]))
    if args.json:
        show(f"[{', '.join(facts)}]")
        return
    for k, (name, told) in enumerate(zip(runs, answers, strict=True), 1):
        show(f"Run {k} of {len(runs)}: {safe(name)}\n{wrapped(str(told))}\n")


def chosen(text: str | None) -> int | None:
    """The number of `--run 2`; None for the default and for `all`."""
    if text is None or text == "all":
        return None
    if not text.isdigit():
        raise UserError(f"--run {text!r}: give the number of a run, from 1, or all")
    return int(text)


def understood(log: str | Path | list[str | Path], named: dict[str, str], run: int | None) -> list[str]:
    """What `--list` shows, also of a log of which no column is a curve."""
    try:
        return columns(read_log(log, named, run))
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

"""The options of `errordrops explain`, apart from its work, so that other commands need not import pandas."""

import argparse

EPILOG = """examples:
  errordrops explain train.csv                              the answer in words
  errordrops explain runs/exp1 --html out.html --json       a page, and the facts on standard output
  errordrops explain log.txt --milestones 30,60             the rate changed after 30 and 60 epochs
  errordrops explain log.csv --column 'top_one=test accuracy' --column t=epoch
  errordrops explain train.log test.log                     two files of one run
  errordrops explain numbers.txt --column 1=epoch --column '3=test accuracy'
  errordrops explain log.csv --list                         what was understood of the log
"""


def add_to(commands) -> None:
    """The subcommand with its options."""
    purpose = "say what dropped in a training log, when, by how much, and what explains it"
    command = commands.add_parser(
        "explain",
        help=purpose,
        description=purpose,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(function=_run)
    command.add_argument(
        "log",
        metavar="LOG",
        nargs="+",
        help="a file (CSV, JSON, TensorBoard events, console text, ...), a folder, or a run's train and test file",
    )
    command.add_argument("--list", action="store_true", help="show what was understood of the log, and stop")
    command.add_argument("--json", action="store_true", help="one JSON object instead of words")
    for ending, what in (("html", "a self-contained interactive page"), ("png", "a picture"), ("svg", "a picture")):
        command.add_argument(f"--{ending}", metavar="FILE", help=f"write {what}")
    known = command.add_mutually_exclusive_group()
    known.add_argument(
        "--milestones",
        metavar="30,60",
        help="epochs completed when the rate (or batch) changed; the log's columns are then not used",
    )
    known.add_argument(
        "--lr-schedule", metavar="step:30:0.1", help="or multistep:30,60:0.1, constant, cosine, linear, ..."
    )
    command.add_argument(
        "--column",
        metavar="NAME=MEANING",
        action="append",
        default=[],
        help="what a column is: 'test error', 'train loss', lr, epoch",
    )
    command.add_argument("--run", metavar="N", help="which of several runs in the log, from 1, or all")
    command.add_argument(
        "--steps-per-epoch", type=float, metavar="N", help="for --milestones in a log that counts steps"
    )


def _run(args: argparse.Namespace) -> None:
    from .command import run

    run(args)

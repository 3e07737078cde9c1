"""What is printed where there is no terminal: a line for a finished run, and a line a minute."""

from . import words
from .board import Board, Watched

EVERY = 60.0  # seconds


def begins(board: Board) -> str:
    """What is to be done, and where one can look."""
    if board.epochs:
        trained = sum(1 for run in board.runs.values() if run.to_train)
        what = f"{words.plural(board.epochs, 'epoch')} of {words.plural(trained, 'run')} to train"
        logs = next(iter(board.runs.values())).tail.path.parents[2] / "ARM/seedN/train.log"
        return f"Study {board.study}: {what}; each run writes {logs}"
    taken = len(board.runs)
    source = f"{words.plural(taken, 'run')} from the reference, " if taken else ""
    rest = {rule: number for rule, number in board.steps.items() if rule != "train"}
    return f"Study {board.study}: {source}nothing to train; {words.counted(rest) or 'no other step'} to make"


def finished(run: Watched) -> str:
    """A run that is complete, with the drops at its changes."""
    error = f", test error {run.last.test_error:.1f} %" if run.last else ""
    return "; ".join([f"{run.name}: finished after epoch {run.epochs}{error}", *run.drops])


def minute(board: Board, now: float) -> str:
    """How far it is."""
    passed = f"after {words.duration(now - board.began)}: "
    if board.epochs_done < board.epochs:
        parts = [f"{board.epochs_done} of {board.epochs} epochs", words.forecast(board.seconds_left(now))]
        return passed + ", ".join(filter(None, parts))
    left = words.counted(board.steps)
    return passed + f"{board.done_steps} of {board.all_steps} steps, left: {left}"

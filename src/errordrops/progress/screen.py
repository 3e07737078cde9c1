"""The live picture on a terminal: one bar for the study, one line for each run at work."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import words
from .board import Board, Watched
from .logs import Epoch

NARROW = 40  # columns of the bar at most


def picture(board: Board, now: float, width: int, height: int) -> RenderableType:
    """What stands below the messages; never higher than the terminal."""
    training = board.epochs_done < board.epochs
    head = Table.grid(padding=(0, 1))
    done, total, noun = (
        (board.epochs_done, board.epochs, "epochs") if training else (board.done_steps, board.all_steps, "steps")
    )
    line = bar(done / max(1, total), min(NARROW, max(10, width - 60)))
    head.add_row(
        board.study, line, f"{done} of {total} {noun}", words.forecast(board.seconds_left(now)) if training else ""
    )
    parts: list[RenderableType] = [head]
    room = max(1, height - 6)
    runs = board.at_work
    if runs:
        table = Table.grid(padding=(0, 2))
        for run in runs[:room]:
            table.add_row(*row(run))
        parts.append(table)
    if runs[room:]:
        parts.append(Text(f"and {len(runs) - room} runs more"))
    others = board.others_at_work()
    if others:
        parts.append(_short(f"at work: {', '.join(others)}", width))
    left = words.counted(board.steps)
    if left:
        parts.append(_short(f"left: {left}", width))
    return Group(*parts)


def bar(share: float, width: int) -> str:
    """A bar that needs no colours to be read."""
    full = int(share * width)
    return "█" * full + "░" * (width - full)


def row(run: Watched) -> list[str]:
    """The cells of a run at work."""
    return cells(run.arm, run.seed, run.last, run.epochs)


def cells(arm: str, seed: int | str, last: Epoch | None, epochs: int) -> list[str]:
    """Arm, seed, epoch, learning rate, batch size, test error."""
    names = [arm, f"seed {seed}"]
    if not last:
        return [*names, "starts", "", "", ""]
    return [
        *names,
        f"epoch {last.number}/{epochs}",
        f"rate {last.learning_rate:g}",
        f"batch {last.batch_size}",
        f"test error {last.test_error:.1f} %",
    ]


def _short(text: str, width: int) -> Text:
    return Text(text if len(text) < width else f"{text[: width - 4]} ...", style="dim")

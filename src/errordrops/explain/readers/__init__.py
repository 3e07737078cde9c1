"""Training logs of other people's programs: read as they are, and turned into curves and settings.

`registry` finds the reader by looking at the bytes; each reader (text_tables, jsons, console, caffe, tensorboard,
folders) hands over a table of records; `column_names` says what columns mean by their names; `axis` finds epochs or
steps and restarts; `curve_points` makes the points that are judged, `log_settings` the settings; `log_curves` puts them
together into the data of `understood`.
"""

from pathlib import Path

import pandas as pd

from . import registry
from .log_curves import understand
from .records import LogError, NotThisFormat, NotUnderstood
from .text_tables import from_frame
from .understood import Curve, Log
from .unknown import NoCurve

__all__ = ["Curve", "Log", "LogError", "NoCurve", "read_frame", "read_log"]


def read_log(path: str | Path | list[str | Path], columns: dict[str, str] | None = None, run: int | None = None) -> Log:
    """The log in a file or folder, or in several files that belong together (train.log and test.log). `columns` says
    what columns are that their names don't tell, such as {"top_one": "test accuracy", "t": "epoch"}; `run` which of
    several runs is meant, from 1.

    Raises LogError (a UserError) for what cannot be read or understood.
    """
    keep = frozenset(columns or ())
    paths = [Path(p) for p in path] if isinstance(path, list | tuple) else [Path(path)]
    if len(paths) > 1:
        return understand(registry.read_several(paths, keep), " and ".join(map(str, paths)), columns, run)
    return understand(registry.read(paths[0], keep), str(paths[0]), columns, run)


def read_frame(frame: pd.DataFrame, columns: dict[str, str] | None = None, run: int | None = None) -> Log:
    """The log in a table: a row per epoch, evaluation or step, oldest first. Raises as `read_log`."""
    if not isinstance(frame, pd.DataFrame):
        raise LogError(f"a log is a path or a pandas DataFrame, not a {type(frame).__name__}")
    frame = frame.reset_index() if frame.index.name else frame.reset_index(drop=True)
    if frame.empty:
        raise LogError("the table has no rows")
    frame.columns = [str(name) for name in frame.columns]
    if frame.columns.has_duplicates:
        raise LogError("two columns of the table have the same name")
    records = from_frame(frame, "table")
    records.not_finite = True
    try:
        registry.understood(records, Path("the table"), frozenset(columns or ()))
    except NotUnderstood as error:
        raise registry.unknown("the table", error, frozenset(columns or ())) from error
    except NotThisFormat as error:
        raise LogError(f"the table cannot be explained: {error}") from error
    return understand(records, "the table", columns, run)

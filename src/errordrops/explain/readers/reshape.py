"""Tables in other shapes brought into one: a row per time, a column per metric.

Long tables (a column names the metric, as MLflow exports them, or the split), Weights & Biases' columns that carry the
run's name, TensorBoard's exports of one curve, which only their file name names.
"""

import re

import pandas as pd

from .column_names import SPLITS, meaning, words

KEYS = {"key", "metric", "metric_name", "metricname", "name", "tag", "variable", "measure", "metrics"}
VALUES = {"value", "values", "metric_value", "val"}
RUN_COLUMNS = {"run", "run_id", "run_name", "arm", "seed", "trial", "experiment", "exp", "replicate", "fold", "config"}
SPLIT_COLUMNS = {"split", "phase", "mode", "set", "subset", "stage", "dataset", "data", "type", "partition"}


def reshaped(table: pd.DataFrame, stem: str) -> pd.DataFrame:
    """The table with a column per metric, or as it was."""
    if len(beside := side_by_side(table)) == 1:
        table = beside[0][1]
    names = {str(name).strip().lower(): name for name in table.columns}
    key = next((names[n] for n in names if n in KEYS and is_text(table[names[n]])), None)
    value = next((names[n] for n in names if n in VALUES), None)
    split = next((names[n] for n in names if n in SPLIT_COLUMNS and is_split(table[names[n]])), None)
    if value is not None and key is not None:
        which = table[key].astype(str)
        if split is not None:
            which = table[split].astype(str) + " " + which
        return pivoted(table, {which_name: rows for which_name, rows in table.groupby(which, sort=False)}, {value: ""})
    if split is not None:
        metrics = {c: c for c in table.columns if (m := meaning(str(c))) and m.role == "metric"}
        if metrics:
            groups = dict(list(table.groupby(table[split].astype(str), sort=False)))
            return pivoted(table, groups, metrics)
    if value is not None and not any((m := meaning(str(c))) and m.role == "metric" for c in table.columns):
        name = re.sub(r"^run-.*?-?tag-", "", stem)
        if (m := meaning(name)) and m.role in ("metric", "lr"):
            return table.rename(columns={value: name})
    return table


def in_runs(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(name, rows) of each run of a table in which columns such as arm and seed, or names such as `RUN - METRIC`, tell
    runs apart; nothing for one run."""
    if len(beside := side_by_side(table)) > 1:
        return beside
    keys = [
        c for c in table.columns
        if str(c).strip().lower() in RUN_COLUMNS and 1 < table[c].nunique() <= min(200, len(table) // 4)
    ]  # fmt: skip
    if not keys:
        return []
    groups = table.groupby(keys if len(keys) > 1 else keys[0], sort=False)
    return [
        (", ".join(f"{k} {v}" for k, v in zip(keys, key if isinstance(key, tuple) else (key,), strict=True)), rows)
        for key, rows in groups
    ]


def is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def is_split(column: pd.Series) -> bool:
    """Whether all that a column holds is train, val, test, ..., two of them or more."""
    found = {str(value).strip().lower() for value in column.dropna().unique()[:20]}
    return len(found) > 1 and all(words(value) and set(words(value)) <= set(SPLITS) for value in found)


def pivoted(table: pd.DataFrame, groups: dict[str, pd.DataFrame], values: dict[str, str]) -> pd.DataFrame:
    """One row per epoch or step (without one, per place within the group); a column per group and value, and the
    settings. `values`: column to the name that it keeps behind the group's."""
    if not groups:  # the column that tells them apart is empty: a damaged file
        return table
    roles = {c: m for c in table.columns if (m := meaning(str(c)))}
    times = [c for c, m in roles.items() if m.role in ("epoch", "step") and pd.api.types.is_numeric_dtype(table[c])]
    settings = [c for c, m in roles.items() if m.role in ("lr", "batch")]
    index = next((c for c in times if roles[c].role == "epoch"), times[0] if times else None)
    columns = {}
    for name, rows in groups.items():
        at = rows[index] if index is not None else pd.Series(range(1, len(rows) + 1), index=rows.index)
        for column, kept in values.items():
            series = pd.Series(rows[column].to_numpy(), index=at.to_numpy())
            columns[f"{name} {kept}".strip()] = series[series.index.notna()].groupby(level=0).last()
    if index is not None:
        for column in settings:
            series = pd.Series(table[column].to_numpy(), index=table[index].to_numpy())
            columns[str(column)] = series[series.index.notna()].groupby(level=0).last()
    wide = pd.concat(columns, axis=1).sort_index()
    wide.insert(0, str(index) if index is not None else "record", wide.index)
    return wide.reset_index(drop=True)


def side_by_side(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(name, rows) of each run of an export of Weights & Biases, the columns under the names of their metrics."""
    columns = columns_by_run(table)
    shared = [c for c in table.columns if not any(c in own for own in columns.values())]
    out = []
    for run, own in columns.items():
        names = {c: c.partition(" - ")[2] for c in own if not c.endswith(("__MIN", "__MAX"))}
        rows = table.loc[table[list(names)].notna().any(axis=1), [*shared, *names]]
        if len(set(names.values()) | set(shared)) == len(names) + len(shared) and len(rows):
            out.append((run, rows.rename(columns=names)))
    return out


def columns_by_run(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns of each run of an export of Weights & Biases: `RUN - METRIC`, with the lowest and the highest."""
    runs: dict[str, list[str]] = {}
    for column in table.columns:
        run, dash, metric = str(column).partition(" - ")
        if (
            dash
            and metric
            and (str(column).endswith(("__MIN", "__MAX")) or f"{column}__MIN" in table.columns or meaning(metric))
        ):
            runs.setdefault(run, []).append(str(column))
    splits = all(set(words(run)) <= set(SPLITS) for run in runs)  # `train - loss` beside `val - loss`
    return {} if splits else runs

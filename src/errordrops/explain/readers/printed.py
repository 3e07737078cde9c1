"""Lines of programs whose layout is known: CycleGAN's loss_log.txt, BasicSR, MATLAB's trainNetwork."""

import re

import pandas as pd

from .column_names import meaning
from .records import NotThisFormat, Records, from_rows

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf)"
CYCLE = re.compile(r"^\s*\(epoch:\s*(\d+),\s*iters:\s*([\d,]+)[^)]*\)\s*,?\s*(.*)$")
SUPER = re.compile(r"\[epoch:\s*(\d+),\s*iter:\s*([\d,]+),\s*lr:\s*\(?\s*([^,)\]]+)[^\]]*\](?:\s*\[[^\]]*\])?\s*(.*)$")
PAIR = re.compile(rf"([A-Za-z_]\w*)\s*:\s*({NUMBER})(?![\w.])")


def read_cyclegan(lines: list[str]) -> Records:
    """`(epoch: 1, iters: 100, time: 0.4, data: 0.002) D_A: 0.297 G_A: 0.510`; NotThisFormat for any other text."""
    rows = []
    for line in lines:
        if found := CYCLE.match(line):
            losses = {f"{name} loss": float(value) for name, value in PAIR.findall(found[3])}
            rows.append({"epoch": float(found[1]), "batch": _whole(found[2])} | losses)
    if len(rows) < 2 or not any(name.endswith("loss") for row in rows for name in row):
        raise NotThisFormat("no two lines are those of CycleGAN's loss_log.txt")
    return from_rows("CycleGAN's loss_log.txt", rows)


def read_basicsr(lines: list[str]) -> Records:
    """`[epoch: 0, iter: 5,000, lr:(1.000e-04,)] [eta: ...] l_pix: 5.0e-02`; NotThisFormat for any other text."""
    rows = []
    for line in lines:
        if found := SUPER.search(line):
            losses = {_loss(name): float(value) for name, value in PAIR.findall(found[4])}
            row = {"step": _whole(found[2])} | losses
            if re.fullmatch(NUMBER, found[3].strip()):
                row["lr"] = float(found[3])
            rows.append(row)
    if len(rows) < 2 or not any(name.startswith("train") for row in rows for name in row):
        raise NotThisFormat("no two lines are those of BasicSR")
    return from_rows("BasicSR's log", rows)


def _loss(name: str) -> str:
    """`train l_pix loss`, whatever the loss is called."""
    found = meaning(name)
    return f"train {name}" if found and found.role == "metric" else f"train {name} loss"


def _whole(text: str) -> float:
    return float(text.replace(",", ""))


def read_matlab(lines: list[str]) -> Records:
    """A table between bars whose heading may take two lines, as trainNetwork prints it; NotThisFormat for any other."""
    heading: list[list[str]] = []
    rows: list[dict[str, float]] = []
    for line in lines:
        line = line.strip()
        if not line.startswith("|") or not line.endswith("|"):
            if rows and line:
                heading = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if set("".join(cells)) <= set("=-_ "):
            continue
        if not any(re.fullmatch(rf"{NUMBER}%?", cell) for cell in cells):
            same = heading and len(heading[-1]) == len(cells) and not rows
            heading = [*heading, cells] if same else [cells]
            continue
        if heading and len(cells) == len(heading[0]):
            names = [" ".join(part for part in parts if part) for parts in zip(*heading, strict=True)]
            named = [(n, c) for n, c in zip(names, cells, strict=True) if re.fullmatch(rf"{NUMBER}%?", c)]
            rows.append({name: float(cell.rstrip("%")) for name, cell in named})
    if len(heading) < 2 or len(rows) < 2 or not any((m := meaning(n)) and m.role == "metric" for n in rows[0]):
        raise NotThisFormat("no table between bars has a heading of two lines")
    percent = {name for name in rows[0] if (m := meaning(name)) and m.kind == "accuracy"}
    return from_rows("MATLAB's table", rows, percent=percent)


def numbered(lines: list[str]) -> tuple[pd.DataFrame, str]:
    """(table, sign between its columns) of lines that are nothing but equally many numbers, columns named 1, 2, ...

    NotThisFormat for anything else."""
    lines = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("#", "%", "//"))]
    for mark, name in ((",", "comma"), (";", "semicolon"), ("\t", "tab"), (None, "space")):
        rows = [[cell.strip().rstrip("%") for cell in line.split(mark)] for line in lines[:100_000]]
        width = len(rows[0]) if rows else 0
        if width < 2 or any(len(row) != width for row in rows):
            continue
        table = pd.DataFrame(rows, columns=[str(k + 1) for k in range(width)]).apply(pd.to_numeric, errors="coerce")
        if len(table) > 1 and table.notna().to_numpy().mean() > 0.5:
            return table.astype(float), name
    raise NotThisFormat("its lines are not equally many numbers each")

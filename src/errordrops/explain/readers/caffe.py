"""Caffe's log: `Iteration N, loss = x`, `Test net output #0: accuracy = y`, `Iteration N, lr = z`."""

import re

from .records import NotThisFormat, Records, from_rows

NUMBER = r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))"
ITERATION = re.compile(
    rf"\bIteration (\d+)(?: \([^)]*\))?(, Testing net \(#(\d+)\)|, loss = {NUMBER}|, lr = {NUMBER})?"
)
OUTPUT = re.compile(rf"\b(Train|Test) net output #(\d+): (\S+) = {NUMBER}")


def read(lines: list[str]) -> Records:
    """Records by iteration; outputs of further test nets (#1, ...) are left out. NotThisFormat for any other log."""
    rows: list[dict[str, float]] = []
    step, net = None, 0
    for line in lines:
        if "Iteration" in line and (found := ITERATION.search(line)):
            step = float(found[1])
            net = int(found[3]) if found[3] else net
            if found[4]:
                rows.append({"step": step, "train loss": float(found[4])})
            elif found[5]:
                rows.append({"step": step, "lr": float(found[5])})
        elif step is not None and "net output" in line and (found := OUTPUT.search(line)):
            if found[1] == "Test" and net == 0:
                rows.append({"step": step, f"test {found[3]}": float(found[4])})
            elif found[1] == "Train" and "loss" not in found[3].lower():
                rows.append({"step": step, f"train {found[3]}": float(found[4])})
    if not any(len(row) > 1 and "lr" not in row for row in rows):
        raise NotThisFormat("no line says `Iteration N, loss =` or `Test net output`")
    return from_rows("Caffe log", rows)

"""What YOLO's programs write: results.txt without a header (YOLOv3 to v7) and the console of YOLOv5 and ultralytics.

results.txt, 15 columns: epoch, memory, box, obj, cls, total, targets, image size; precision, recall, mAP at 0.5, mAP at
0.5 to 0.95 (F1 in YOLOv3); box, obj, cls of the validation. The console has a bar of training for each epoch and, below
the heading `Class Images Instances`, a row `all`; rows of single classes are no curves.
"""

import re

from . import said
from .records import NotThisFormat, Records, from_rows

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf)"
LINE = re.compile(rf"^\s*(\d+)/(\d+)\s+(\d+\.?\d*[MGK]?B?|0)\s+((?:{NUMBER}\s+){{3,12}}{NUMBER})\s*$", re.I)
BAR = re.compile(rf"^\s*(\d+)/(\d+)\s+\d+\.?\d*[MGK]B?\s+((?:{NUMBER}\s+){{2,9}}){NUMBER}\s*:", re.I)
ALL = re.compile(rf"^\s*all\s+\d+\s+\d+((?:\s+{NUMBER})+)\s*$", re.I)
HEAD = re.compile(r"^\s*Epoch\s+(?:GPU_mem|gpu_mem)\s+(.*)$")
LAYOUT = (
    "train box loss,train obj loss,train cls loss,,,,val precision,val recall,val mAP50,val mAP50-95,val box loss,"
    "val obj loss,val cls loss"
).split(",")
LOSSES = {True: ("box", "cls", "dfl"), False: ("box", "obj", "cls")}


def read_results(lines: list[str]) -> Records:
    """results.txt by its known layout; NotThisFormat for any other text."""
    lines = [line for line in lines if line.strip()]
    rows = []
    for line in lines:
        found = LINE.match(line)
        numbers = found[4].split() if found else []
        if found is None or len(numbers) != len(LAYOUT):
            raise NotThisFormat("its lines are not those of YOLO's results.txt")
        row = {"epoch": float(found[1])} | {n: float(v) for n, v in zip(LAYOUT, numbers, strict=True) if n}
        rows.append(row)
    if len(rows) < 2:
        raise NotThisFormat("it has fewer than two lines of YOLO's results.txt")
    if any(row["val mAP50-95"] > row["val mAP50"] for row in rows):  # YOLOv3 has F1 at this place
        rows = [{("val F1" if n == "val mAP50-95" else n): v for n, v in row.items()} for row in rows]
    note = "the file names no columns; they were taken by the known layout of YOLO's results.txt"
    return from_rows("YOLO results.txt", rows, notes=[note])


def read_console(lines: list[str]) -> Records:
    """The console of YOLOv5 or ultralytics; NotThisFormat for any other text."""
    names: tuple[str, ...] = ()
    box_first = any("Box(P" in line or "dfl_loss" in line for line in lines[:2000])
    rows: list[dict[str, float]] = []
    words: list[said.Said] = []
    scored = False
    for line in lines:
        if found := HEAD.match(line):
            names = tuple(n.removesuffix("_loss") for n in found[1].split() if n.lower().endswith("loss"))
        elif found := BAR.match(line):
            losses = [float(v) for v in found[3].split()]
            epoch = float(found[1])
            kept = names or LOSSES[box_first][: len(losses)]
            row = {"epoch": epoch} | {f"train {n} loss": v for n, v in zip(kept, losses, strict=False)}
            if rows and rows[-1].get("epoch") == epoch:
                rows.pop()  # an earlier state of the same bar
            rows.append(row)
            scored = False
        elif rows and not scored and (found := ALL.match(line)):
            numbers = [float(v) for v in found[1].split()]
            if len(numbers) >= 4:
                kept = ("val precision", "val recall", "val mAP50", "val mAP50-95")
                rows[-1] |= dict(zip(kept, numbers, strict=False))
                scored = True
        elif (what := said.of_line(line)) is not None and rows:
            rows.append({said.COLUMN: float(len(words))})
            words.append(what)
    if sum("epoch" in row for row in rows) < 2:
        raise NotThisFormat("no two lines are those of YOLO's console")
    return from_rows("YOLO console", rows, said=words)

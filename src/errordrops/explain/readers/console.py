"""What programs print while they train: `Epoch 3/90 - loss: 0.5 - val_acc: 0.7`, `Epoch: [3][10/391] Loss 0.5 (0.6)`.

A line is cut into names and numbers, each name going with the number that follows it. Counters (epoch, step) hold for
the lines that follow; a word such as `test` or `valid` says which split the names after it belong to.
"""

import re
import time

from . import bars, counters, said
from . import printed_means as averages
from .column_names import SPLITS, Meaning, meaning
from .records import NotThisFormat, Records, from_rows

# `0,25` has a decimal comma, `1,250` a comma between thousands
NUMBER = (
    r"[-+]?(?:0,\d+(?![,\d])|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    r"|[-+]?\b(?:nan|inf)\b"
)
WORD = r"(?<![A-Za-z0-9_.])[A-Za-z_%][A-Za-z0-9_@/.%-]*"
# a name of up to five words, what may stand between it and its number, the number, and what may follow it
PAIR = re.compile(
    rf"(?P<name>{WORD}(?:[ ]+(?:{WORD}|\(\w+\))){{0,5}})(?:[ ]*\[[^\]\d]*\])?"
    rf"[\s\"']*(?:[:=|>]+|\bis\b|\bof\b|\bat\b)?[\s\"']*(?:tensor\(|\[|\()?\s*"
    rf"(?<![A-Za-z_])(?P<number>{NUMBER})(?![\d-]*[-:]\d\d\b)"
    rf"(?:/(?P<of>\d+(?:\.\d+)?))?[ ]?"
    rf"(?P<unit>%|(?:ms|s|secs?|seconds|mins?|minutes|h|hours|it/s|s/it|[GM]B?)(?![\w@/]))?"
    rf"(?:\s*[(\[]\s*(?:avg:?\s*)?(?P<average>{NUMBER})\s*(?P<percent>%)?\s*[)\]])?",
    re.IGNORECASE,
)
COUNTED = re.compile(r"\s*(?:samples|images|examples|batches)\b", re.I)
STAMP = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?")
CLOCK = re.compile(r"^\s*[\[(]?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?[\])]?")
HEADING = re.compile(
    r"^(?:.*\b(?:INFO|DEBUG)\b)?\W*(train|training|val|valid|validation|validate|test|testing|eval|evaluation)\b", re.I
)
# the score of one class of an evaluation, which is no curve
CLASS = re.compile(
    r"^\W*(?:class|category|label)\s*[:#=]?\s*\w+\s*[:|,-]"
    r"|\b(?:accuracy|acc|ap|iou|precision|recall|f1|dice)\b(?:[- ]score)? (?:of|for)(?: (?:the )?class)?\W+"
    r"(?!the\b|net|model|all\b|test|val|train|epoch|step|iter|batch|class(?:es|ifier)?\b)[\w-]+\W*(?:is|[:=])",
    re.I,
)
CONFIGURED = re.compile(
    r"\bNamespace\(|\bwith arguments\b|\b(?:args|arguments|config(?:uration)?|options|hyper-?param\w*)\s*[:=]", re.I
)
RATE_SET = re.compile(
    r"(?<![A-Za-z_])(?:base_)?(?:lr|learning_rate)[\"']?\s*[:=]\s*[\"']?(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)"
    r"(?=[\"'\s,)}]|$)",
    re.I,
)
BATCH_SET = re.compile(r"(?<![A-Za-z_])batch_?size[\"']?\s*[:=]\s*[\"']?(\d+)(?=[\"'\s,)}]|$)", re.I)
BAR = re.compile(r"(?:^|\s)(\d+)/(\d+)\s*(?:━|\[|-|\|)|(\d+)%\|[^|]*\|\s*(\d+)/(\d+)")
RESULT = re.compile(r"^\W*(?:\w+\s+)?\*{1,3}\s*(?=\w)|\*\s*(?=(?:acc|prec|err|top)\S*\s)", re.I)
SPLIT = re.compile(
    r"\b(train|training|val|valid|validation|validate|validating|test|testing|eval|evaluation|dev)(?=[\s:|\])*,>'\"_.-]|$)",
    re.I,
)
LAST_COUNTER = re.compile(r"(?<![\d/(])(\d+)/(\d+)\s*$")
RATE_OF = re.compile(r"\b(lr|learning[_ ]rate)\(\w+\)", re.I)  # `lr(PiecewiseDecay): 0.1`
MAP = re.compile(r"\(mAP@[\d.]+\)\s*=\s*([\d.]+)")
DARKNET = re.compile(r"^\s*(\d+):\s*[\d.]+,\s*([\d.]+|-?nan) avg(?: loss)?,\s*([\d.]+) rate")
REDUCED = re.compile(
    r"\b(?:reduc|decay|drop|lower|decreas|divid|chang|adjust|updat|set)\w*\b.{0,40}?\b(?:learning[ _]rate|lr)\b.{0,60}?"
    rf"\bto:?\s+({NUMBER})",
    re.I,
)
SET = re.compile(rf"\b(?:learning[ _]rate|lr)\b[^=:0-9]*?(?:of group \d+ )?\bto:?\s+({NUMBER})", re.I)
# lr decay: 0.1 -> 0.01
ARROW = re.compile(rf"\b(?:learning[ _]rate|lr)\b[^|,;]{{0,40}}?(?:{NUMBER})\s*(?:->|=>|→)\s*({NUMBER})", re.I)
BLANKS = re.compile(r"\s{9,}")
BARE = re.compile(rf"(?<![\w/])(train|val|valid|validation|test)\s*[:=]\s*({NUMBER})\s*(%?)(?=\s*(?:,|;|\||$))", re.I)
COCO = re.compile(r"Average (?:Precision|Recall)\s+\(A[PR]\).*\]\s*=\s*(-?[\d.]+)")
ALL_SIZES = re.compile(r"\(AP\) @\[ IoU=0\.50:0\.95 \| area=\s*all")
IMAGES = re.compile(r"\b(?:on|of)(?: the)? \d+ (test|train|val)\w* (?:images|samples|examples)\b", re.I)
GLUON = re.compile(rf"\btrain=({NUMBER})\s+val=({NUMBER})\s+loss=({NUMBER})", re.I)
TORCH = re.compile(r"\| (?:Epoch|Test): \[\d+\]\[\d+/\d+\]\s+Time .*\btop1 |\* Finished epoch # \d+ +top1: ")
BEST = re.compile(r"[\[(]\s*best\b[^\])]*[\])]", re.I)
# words before a name that make it another quantity: the best so far, the time it cost
OTHERWISE = {"best", "max", "min", "maximum", "minimum", "highest", "lowest", "std", "time", "previous", "record"}
SO_FAR = re.compile(r"\b(?:best|highest|lowest|previous)\b(?![^,;|]*[,;|])[\w\s@:=*-]*$|\bso far\b[\s:]*$", re.I)
PATIENCE = 300  # seconds for one log; ten thousand lines take about one
LONGEST = 4000  # characters; a longer line is data, not a report


class Reading:
    """The state that lines leave behind for those after them."""

    def __init__(self, keep: frozenset[str] = frozenset()) -> None:
        self.keep = keep
        self.rows: list[dict[str, float]] = []
        self.percent: set[str] = set()
        self.running: set[str] = set()
        self.spelled: dict[str, str] = {}  # `acc1` and `Acc@1` are one column, whose last value in an epoch counts
        self.section = ""  # split of the block, from a heading such as "Validation"
        self.epoch: float | None = None
        self.said: list[said.Said] = []
        self.partial: list[
            tuple[int, dict[str, float]]
        ] = []  # states of progress bars, and before which row they stand
        self.held: float | None = None  # Keras tells a reduction before or after the results of the epoch that it ends

    def line(self, line: str) -> None:
        """Add the record of a line, if it holds one."""
        row: dict[str, float] = {}
        line = BLANKS.sub("  ", line)
        if (words := said.of_line(line)) is not None:
            self.rows.append({said.COLUMN: float(len(self.said))})
            self.said.append(words)
            if words.kind == said.RESTART and not CONFIGURED.search(line):
                if found := RATE_SET.search(line):
                    self.rows.append({"lr reduced to": _number(found[1])})
                return
        if CONFIGURED.search(line):  # settings, among them how many epochs are to come
            self._configured(line)
            return
        if CLASS.search(line):
            return
        if found := DARKNET.match(line):
            self.rows.append({"step": float(found[1]), "train loss": float(found[2]), "lr": float(found[3])})
            return
        if "mAP@" in line and (found := MAP.search(line)):
            self.rows.append({"val mAP": float(found[1])})
            return
        if "ReduceLROnPlateau" in line and (found := REDUCED.search(line)):
            self.held = _number(found[1])
            return
        if found := COCO.search(line):  # the COCO evaluation prints a dozen lines; the first is the mAP
            if ALL_SIZES.search(line):
                self.rows.append({"val mAP": float(found[1])})
            return
        if "top1" in line and TORCH.search(line):  # fb.resnet.torch: Err is the loss, top1 and top5 are errors
            line = line.replace("Err ", "loss ").replace("top1", "err1").replace("top5", "err5")
        line = RATE_OF.sub(r"\1", line) if "(" in line else line
        line = IMAGES.sub(r" \1", line) if "mages" in line or "amples" in line else line
        line = BEST.sub(" ", line) if "est" in line else line
        text, context = counters.take(line, row, self.epoch)
        if found := REDUCED.search(text) or SET.search(text) or ARROW.search(text):
            row["lr reduced to"] = _number(found[1])
            text = text[: found.start()] + " ; " + text[found.end() :]
        if found := GLUON.search(text):
            train, val, loss = (float(n) for n in found.groups())
            row |= {f"train {averages.BARE}": train, f"val {averages.BARE}": val, "train loss": loss}
            text = text[: found.start()] + " " + text[found.end() :]
        bare = BARE.findall(text)
        if len({name.lower() for name, _, _ in bare}) > 1 and all(
            0 <= float(n) <= (100 if p else 1) for _, n, p in bare
        ):
            row |= {f"{name} {averages.BARE}": float(n) / (100 if p else 1) for name, n, p in bare}
            text = BARE.sub(" ", text)
        if "epoch" in row and row["epoch"] != self.epoch:
            self._release()
            self.epoch, self.section = row["epoch"], ""
        if RESULT.search(line) and not context and not SPLIT.search(line):
            context = "test"
        elif len(text) < 80 and (heading := self._heading(text)):
            self.section = heading
        before = dict(row)
        unfinished = self._pairs(text, row, context)
        if unfinished:
            self.partial.append((len(self.rows), before | unfinished))
        if (ended := LAST_COUNTER.search(text)) and row and not context:
            row["_of"] = float(ended[2]) if ended[1] == ended[2] else -1.0
        if row:
            self.rows.append(row)
        if any((m := meaning(name)) and m.role == "metric" for name in row):
            self._release()

    def _configured(self, line: str) -> None:
        """The rate and the batch size of a line of settings, such as `Namespace(lr=0.1, ...)`; the rest of it is no
        measurement."""
        row = {}
        if found := RATE_SET.search(line):
            row["lr reduced to"] = float(found[1])
        if found := BATCH_SET.search(line):
            row["batch size"] = float(found[1])
        if row:
            self.rows.append(row)

    def _release(self) -> None:
        """A reduction holds from here on."""
        if self.held is not None:
            self.rows.append({"lr reduced to": self.held})
            self.held = None

    def _heading(self, text: str) -> str:
        """The split that a line without results announces: `Validation`, `--- validate (epoch=3) ---`."""
        text = CLOCK.sub("", STAMP.sub("", text))
        found = HEADING.search(text) if re.search(r"\d", text) else SPLIT.search(text)
        held = any((m := meaning(pair["name"])) and m.role == "metric" for pair in PAIR.finditer(text))
        return "" if found is None or held else SPLITS.get(found[1].lower(), "")

    def _pairs(self, text: str, row: dict[str, float], context: str) -> dict[str, float]:
        """Names with their numbers, each under the split that the line names last before it, put into the record; of a
        progress bar on its way they are handed back instead."""
        split = context or ""
        bar = BAR.search(text)
        unfinished = bar is not None and (bar[1] or bar[4]) != (bar[2] or bar[5])
        at = 0
        way: dict[str, float] = {}
        taken: list[tuple[str, Meaning, str, re.Match]] = []
        for pair in PAIR.finditer(text):
            between = text[at : pair.start()] + " "
            for word in SPLIT.finditer(between):
                split = SPLITS[word[1].lower()]
            at = pair.end()
            if own := next(
                (k for k in self.keep if (pair["name"] + " ").endswith((f" {k} ", f"\t{k} ")) or pair["name"] == k),
                None,
            ):
                row[own] = _value(pair)
                continue
            name = _last_words(pair["name"])
            if pair["unit"] not in (None, "%"):
                continue
            if name is None:
                for word in SPLIT.finditer(pair["name"] + " "):
                    split = SPLITS[word[1].lower()]
                continue
            number = _value(pair)
            if (known := meaning(name)) is None:
                continue
            if known.role != "metric":
                if known.role in ("step", "epoch") and (
                    "." in pair["number"] or pair["unit"] == "%" or COUNTED.match(text, pair.end())
                ):
                    continue
                row.setdefault(known.role if known.role != "batch" else "batch size", number)
                continue
            if SO_FAR.search(between) or SO_FAR.search(pair["name"][: -len(name)]):
                continue
            split = known.split or split
            taken.append((name, known, split, pair))
        explicit = {(known.split, known.label) for _, known, _, _ in taken if known.split}
        for name, known, split, pair in taken:
            if not known.split and (split, known.label) in explicit:
                split = ""  # `val loss 1, acc 2, val acc 3`: the second is not of the validation
            full = name if known.split else f"{split or self.section} {name}".strip()
            full = self.spelled.setdefault(full.lower().replace("@", "").replace("_", ""), full)
            if unfinished:  # a running average on its way
                way |= {full: _number(pair["number"])}
                continue
            if pair["unit"] == "%" or pair["percent"] or pair["of"]:
                self.percent.add(full)
            if pair["average"] and not pair["of"] and not pair["percent"]:
                self.running.add(full)
                row[averages.OUTSIDE + full] = _number(pair["number"])
            row[full] = _value(pair)
        if way and bar is not None:
            counter, whole = (float(n) for n in ((bar[1], bar[2]) if bar[1] else (bar[4], bar[5])))
            way |= {bars.COUNTER: counter, bars.WHOLE: whole}
        return way


def _last_words(name: str) -> str | None:
    """The shortest end of a name that means something, lengthened by words that say more: `INFO train loss` is
    train loss."""
    parts = name.split()
    while parts and parts[-1].lower() in ("is", "of", "at", "are", "was"):
        parts.pop()
    best, role = None, ""
    for start in range(len(parts) - 1, -1, -1):
        candidate = " ".join(parts[start:])
        if best is not None and parts[start].lower() in OTHERWISE:
            return None
        found = meaning(candidate)
        if found is None:
            if best is not None:
                return best
            continue
        if best is not None and role != found.role:
            return best
        best, role = candidate, found.role
        if found.role == "metric" and found.split:
            return best
    return best


def _number(text: str) -> float:
    """`1,250` is a thousand and more, `0,25` a quarter."""
    return float(text.replace(",", "." if text.lstrip("+-").startswith("0,") else ""))


def _value(pair: re.Match) -> float:
    """The number of a pair: the average where one is given, the share where it counts out of a total."""
    number = _number(pair["number"])
    if pair["of"] and float(pair["of"]) > 0:
        return 100 * number / float(pair["of"])
    if pair["average"]:
        return _number(pair["average"])
    return number


def _two_bars(rows: list[dict[str, float]], percent: set[str]) -> None:
    """Programs that show one unnamed bar for training and one for testing: the longer is training. Rows are changed."""
    lengths = {row["_of"] for row in rows if row.get("_of", 0) > 0}
    for row in rows:
        of = row.pop("_of", 0)
        if of and len(lengths) == 2:
            split = {max(lengths): "train", min(lengths): "test"}.get(of)
            for name in [n for n in row if (m := meaning(n)) and m.role == "metric" and not m.split]:
                value = row.pop(name)
                if split:
                    row[f"{split} {name}"] = value
                    percent |= {f"{split} {name}"} if name in percent else set()


def read(lines: list[str], keep: frozenset[str] = frozenset()) -> Records:
    """Records of console text; NotThisFormat where no line names a metric, or a name in `keep`, with a number."""
    reading, start, notes = Reading(keep), time.monotonic(), []
    for place, line in enumerate(lines):
        if place % 1000 == 0 and time.monotonic() - start > PATIENCE:
            notes.append(f"after {PATIENCE} seconds reading stopped at line {place:,} of {len(lines):,}")
            break
        if (3 < len(line) < LONGEST and any(c.isdigit() for c in line)) or (
            0 < len(line) < 200 and (SPLIT.search(line) or said.of_line(line))
        ):
            reading.line(line)
    reading.rows = bars.chosen(reading.rows, reading.partial)
    averages.settle(reading.rows, reading.running)
    _two_bars(reading.rows, reading.percent)
    metrics = {
        name for row in reading.rows for name in row if name in keep or ((m := meaning(name)) and m.role == "metric")
    }
    if not metrics:
        raise NotThisFormat("no line names a loss, error or accuracy with a number")
    told = {"percent": reading.percent, "running": reading.running, "notes": notes, "said": reading.said}
    return from_rows("console text", reading.rows, **told)

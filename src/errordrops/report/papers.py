"""The section that puts a study beside the paper that it follows. Pure: a Study in, Markdown out."""

from ..figures.words import OPTIMIZERS
from . import charts
from .material import Study
from .page_tables import stacked
from .text import cell, floating, number, plain, table


def papers(study: Study) -> str:
    """The whole section; the notes alone for a study that quotes no published results, a comment if it has none."""
    if not study.has("published"):
        told = f"## What to mind {{#sec-notes}}\n\n{notes(study)}" if study.settings.get("notes") else ""
        return f"{told or '<!-- no published results in this study -->'}\n"
    pieces = ["## Beside the papers {#sec-papers}", notes(study), final(study)]
    if "cross_entropy" in study.figures:
        pieces.append(charts.figure(study, "cross_entropy"))
    if study.has("optimizer_summary"):
        pieces += [charts.figure(study, "optimizers") if "optimizers" in study.figures else "", optimizers(study)]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def notes(study: Study) -> str:
    """In what the study departs from the paper, as its file says; and from which data, where they are a copy."""
    told = [plain(note) for note in study.settings.get("notes", [])]
    if study.dataset.get("label"):
        told.append(
            f"The data are {plain(study.dataset['label'])}, not the original files, "
            "so errors may come out worse than the papers&#39;."
        )
    return "\n".join(f"- {note}" for note in told)


def final(study: Study) -> str:
    """tbl-published: our final results beside theirs."""
    rows = []
    for row in study.tables["published"].itertuples():
        ours = stacked(row.mean, row.low, row.high)
        rows.append([cell(row.arm), row.measure, ours, f"{row.n}", number(row.published, 2), cell(row.source)])
    header = ["Arm", "Test", "Here, %", "n", "Published, %", "Source"]
    caption = (
        "After the last epoch, running batch-norm statistics as in the papers: mean over seeds with its 95\u00a0% "
        "t-interval. In brackets how sure the published number is: read there, or recalled and not checked against it."
    )
    return floating("tbl-published", table(header, rows, left=2), caption)


def optimizers(study: Study) -> str:
    """tbl-optimizers: where each arm ends under each optimiser, and the fall at its first milestone."""
    rows = []
    for row in study.tables["optimizer_summary"].itertuples():
        name = OPTIMIZERS.get(row.optimizer, row.optimizer)
        error = stacked(row.error, row.error_low, row.error_high)
        change = stacked(row.difference, row.difference_low, row.difference_high, sign=True)
        rows.append([cell(name), cell(row.of), f"{row.epoch}", error, change, f"{row.n}"])
    header = ["Optimiser", "Arm", "Epoch", "Test error, %", "At the first milestone, beside its control", "n"]
    caption = (
        "Each schedule under each optimiser, recomputed batch-norm statistics. Beside its control: mean test error "
        "over up to five epochs after the first milestone less that before, less the same in the arm in which nothing "
        "changes, with this optimiser; in points."
    )
    return floating("tbl-optimizers", table(header, rows, left=2), caption)

"""What a person meets first: what the command can do, and the page of a study in a browser."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

from .errors import UserError
from .results.layout import Layout
from .study.study import Study

OVERVIEW = """\
errordrops: why training and test error of a ResNet drop suddenly at certain epochs
  make report STUDY=quick FROM=reference  the page of the committed runs, without training
  make report                             train the study quick yourself, then make its page
  errordrops open quick                   show the page of a study in the browser
  errordrops explain train.csv            find drops in a training log of yours, and explain them
  errordrops plan evidence                what a study would train, and how long it would take
  errordrops verify quick                 compare the claims of your runs with the committed ones
  snakemake results/quick/claims.json     make one file of a study, and only what it needs
  errordrops train --help                 the workflow's steps: data, train, closeups, analyse, ...
The studies are the files in config/studies; README.md says what each one shows.\
"""


def open_page(study: Study, results: str | Path, show: Callable[[str], bool] = webbrowser.open) -> str:
    """Show the page of a study: your own, else the committed one. Returns its address, and says which it is.

    Raises UserError where there is neither, with the command that makes it.
    """
    own, kept = Layout.of(study.name, results).report, Layout.reference(study.name).report
    page = own if own.exists() else kept
    if not page.exists():
        raise UserError(f"there is no page {own} yet; make report STUDY={study.name} makes it")
    whose = "" if page == own else " (the committed page; there is none of your own yet)"
    address = page.resolve().as_uri()
    if not show(address):
        return f"No browser was found. Open this address yourself: {address}{whose}"
    return f"Opened {address}{whose}"

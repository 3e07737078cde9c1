"""The files of a study, read into one value that everything else on the page is made from."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UserError
from ..figures import FIGURES
from ..results.layout import ANALYSIS_TABLES, Layout
from ..results.reference import Replication, conclusions, replications

TABLES = ("schedules", "milestone_changes", "milestone_summary", "milestone_levels_summary", "final")


class ReportError(UserError):
    """The page cannot be made; the message says why in one paragraph."""


@dataclass(frozen=True)
class Study:
    """Tables as in results/STUDY/analysis, claims and provenance as parsed JSON, figures as (spec, svg
    or None). `committed`: read from the reference results. `reference`: claims and provenance of the reference results,
    None where there are none; `replications`: other trainings of this study that were kept beside them.
    """

    settings: dict
    provenance: dict
    claims: list[dict]
    schedules: pd.DataFrame
    changes: pd.DataFrame
    summary: pd.DataFrame
    levels: pd.DataFrame
    final: pd.DataFrame
    figures: dict[str, tuple[dict, str | None]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    committed: bool = False
    reference: Replication | None = None
    replications: list[Replication] = field(default_factory=list)

    def rows(self, table: str, **equal: object) -> list[dict[str, Any]]:
        """Rows of an analysis table in which columns have the given values, in the table's order; none without it."""
        found = self.tables.get(table)
        if found is None:
            return []
        for column, value in equal.items():
            found = found[found[column] == value]
        return found.to_dict("records")

    @property
    def label(self) -> str:
        """The data set in words."""
        return str(self.settings.get("dataset_label") or self.dataset.get("label", "the data"))

    @property
    def model(self) -> str:
        """The network as the settings name it."""
        return str(self.settings.get("model", "a ResNet"))

    @property
    def title(self) -> str:
        return str(self.settings.get("title") or self.provenance.get("title") or self.name)

    def has(self, table: str) -> bool:
        """Whether an analysis table is there and has rows."""
        return table in self.tables and len(self.tables[table]) > 0

    @property
    def name(self) -> str:
        return str(self.provenance.get("study", "STUDY"))

    @property
    def arms(self) -> list[str]:
        """Names of the headline arms, in the order of the study file."""
        shown = self.schedules[self.schedules["headline"]] if "headline" in self.schedules else self.schedules
        return list(dict.fromkeys(shown["arm"]))

    @property
    def every_arm(self) -> list[str]:
        """Names of all arms that are schedules of their own."""
        return list(dict.fromkeys(self.schedules["arm"]))

    @property
    def train_size(self) -> int | None:
        return self.settings.get("train_size") or self.dataset.get("train_images")

    @property
    def dataset(self) -> dict:
        """Facts about the data set; of the first, should runs have been trained on different ones."""
        facts = self.provenance.get("dataset") or self.provenance.get("data") or {}
        return facts[0] if isinstance(facts, list) else facts

    @property
    def unclaimed(self) -> dict[str, str]:
        """Arms that no claim is about, with the reason in words."""
        return self.provenance.get("unclaimed", {})

    @property
    def seeds(self) -> int:
        seeds = self.settings.get("seeds")
        if isinstance(seeds, list):
            return len(seeds)
        return int(seeds) if seeds else self.changes["seed"].nunique()

    @property
    def seeds_an_arm(self) -> list[int]:
        """With how many seeds each arm was trained; the study's number where no list of runs says."""
        runs = [run.get("arm") for run in self.provenance.get("runs", [])]
        return [n for arm in self.every_arm if (n := runs.count(arm))] or [self.seeds]

    @property
    def taken(self) -> int:
        """How many runs come from the reference."""
        return sum(bool(run.get("from_reference")) for run in self.provenance.get("runs", []))

    @property
    def diverged(self) -> list[dict]:
        return [run for run in self.provenance.get("runs", []) if run.get("status") == "diverged"]

    def updates(self, arm: str, epoch: int) -> int:
        """Updates that an epoch, counted from 1, of an arm holds."""
        return int(self._by_epoch[arm, epoch][2])

    def setting(self, arm: str, epoch: int) -> tuple[float, float] | None:
        """(learning rate, batch size) of an arm in an epoch, None where the arm has no such epoch."""
        found = self._by_epoch.get((arm, epoch))
        return None if found is None else (float(found[0]), float(found[1]))

    @cached_property
    def _by_epoch(self) -> dict[tuple[str, int], tuple[float, float, float]]:
        """(learning rate, batch size, updates) by arm and epoch: asked for thousands of times."""
        columns = (self.schedules[name] for name in ("arm", "epoch", "learning_rate", "batch_size", "updates"))
        return {(arm, epoch): tuple(rest) for arm, epoch, *rest in zip(*columns, strict=True)}


def read(folder: Path, committed: bool = False) -> Study:
    """Read results/STUDY; raises ReportError naming what is missing. Only the close-up may be.
    `committed`: results of an earlier version, which may lack figures that there are now.
    """
    tables = {}
    try:
        for name in ANALYSIS_TABLES:
            if name not in TABLES and not (folder / "analysis" / f"{name}.csv").exists():
                continue
            # an arm may be called "none", "null" or "NA": only an empty field is a missing one
            tables[name] = pd.read_csv(
                folder / "analysis" / f"{name}.csv", keep_default_na=False, na_values=[""], dtype={"arm": str}
            )
        claims = json.loads((folder / "claims.json").read_text())
        provenance = json.loads((folder / "provenance.json").read_text())
        drawn = [name for name in FIGURES if not committed or (folder / "figures" / f"{name}.json").exists()]
        figures = {name: found for name in drawn if (found := figure(folder, name))}
        for name, old in tables.items():  # tables of before a change had a control of its own
            tables[name] = old.rename(columns=lambda column: column.replace("change_none", "change_control"))
    except FileNotFoundError as error:
        raise ReportError(f"The report needs {error.filename}, which is not there.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, json.JSONDecodeError) as error:
        raise ReportError(f"A file under {folder} cannot be read: {error}") from error
    there = Layout(folder if committed else folder.parent / "reference" / folder.name)
    return Study(
        settings=provenance.get("settings", {}),
        provenance=provenance,
        claims=claims,
        schedules=tables["schedules"],
        changes=tables["milestone_changes"],
        summary=tables["milestone_summary"],
        levels=tables["milestone_levels_summary"],
        final=tables["final"],
        figures=figures,
        tables=tables,
        committed=committed,
        reference=None if committed else kept(there),
        replications=replications(there),
    )


def kept(layout: Layout) -> Replication | None:
    """Claims and provenance of the reference results; None where there are none."""
    if not layout.claims.exists():
        return None
    return Replication("the reference", *conclusions(layout, f"errordrops keep {layout.root.name}"))


def figure(folder: Path, name: str) -> tuple[dict, str | None] | None:
    """Specification and SVG of a figure (the SVG may be missing); None for a figure for which the
    study lacks the arms.
    """
    path = folder / "figures" / f"{name}.json"
    if name == "closeup" and (not path.exists() or no_closeups(folder)):
        return None
    svg, spec = path.with_suffix(".svg"), json.loads(path.read_text())
    if spec.get("usermeta", {}).get("empty"):
        return None
    return spec, svg.read_text() if svg.exists() else None


def no_closeups(folder: Path) -> bool:
    """Whether the table of close-ups exists and is empty."""
    path = folder / "closeups.parquet"
    return path.exists() and pd.read_parquet(path).empty

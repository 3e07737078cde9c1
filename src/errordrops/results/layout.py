"""Where the files of a study are. Every path under results/ is named here and nowhere else."""

import re
from dataclasses import dataclass
from pathlib import Path

ANALYSIS_TABLES = (
    "schedules",
    "milestone_changes",
    "milestone_summary",
    "milestone_levels",
    "milestone_levels_summary",
    "final",
    "effects",
    "effects_summary",
    "kept",
    "alike",
    "placebo_effects",
    "placebo_summary",
    "update_effects",
    "sweep",
    "sweep_fits",
    "sweep_fit_summary",
    "sweep_gains",
    "landing",
    "landing_by_date",
    "landings",
    "corrected_images",
    "detections",
    "milestone_detections",
    "changes_seen",
    "drops_elsewhere",
    "drawn_dates",
    "recall",
    "elsewhere",
    "planted",
    "variance",
    "variance_summary",
    "final_differences",
    "bands",
    "reversal",
    "low_rate",
    "laws",
    "plateaus",
    "noise_drops",
    "all_plateaus",
    "noise_fits",
    "lag",
    "lag_summary",
    "speed",
    "simulated_rates",
    "mechanism",
    "mechanism_summary",
    "undying",
    "fork_effects",
    "fork_summary",
    "fork_curves",
    "foretold",
    "foretold_fits",
    "foretold_errors",
    "fork_excess",
    "causes",
    "mechanisms",
    "mechanism_verdicts",
    "published",
    "optimizers",
    "optimizer_summary",
)


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of a folder, and nothing that a shell or a page would read otherwise
GALLERY = "gallery.csv"  # published logs explained: of no study, so it lies in results/ and in results/reference/


@dataclass(frozen=True)
class Layout:
    """The folder of one study, results/STUDY or results/reference/STUDY."""

    root: Path

    @classmethod
    def of(cls, study: str, results: str | Path = "results") -> "Layout":
        return cls(Path(results) / study)

    @classmethod
    def reference(cls, study: str) -> "Layout":
        """The committed results, always in results/reference of the project."""
        return cls(Path("results/reference") / study)

    @property
    def data(self) -> Path:
        return self.root / "data.safetensors"

    def run(self, arm: str, seed: int | str) -> Path:
        return self.root / "runs" / arm / f"seed{seed}"

    def store(self, code: str) -> Path:
        """States and records, by key: no rule declares them, so nothing deletes them and an interrupted run goes on."""
        return self.root / "checkpoints" / code

    @property
    def curves(self) -> Path:
        return self.root / "curves.parquet"

    @property
    def closeups(self) -> Path:
        return self.root / "closeups.parquet"

    def table(self, name: str) -> Path:
        """A table by its name: curves, right, closeups, audit, probes, or one of ANALYSIS_TABLES."""
        if name in ("curves", "right", "closeups", "audit", "probes"):
            return self.root / f"{name}.parquet"
        return self.root / "analysis" / f"{name}.csv"

    @property
    def claims(self) -> Path:
        return self.root / "claims.json"

    @property
    def provenance(self) -> Path:
        return self.root / "provenance.json"

    def figure(self, name: str) -> Path:
        """The stem of a figure's files."""
        return self.root / "figures" / name

    @property
    def report(self) -> Path:
        return self.root / "report" / "index.html"

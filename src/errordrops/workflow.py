"""What the Snakemake rules ask: inputs, parameters and command lines. Light: imports no torch, draws nothing."""

import hashlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

from .figures import FIGURES
from .results import code, reference
from .results.layout import ANALYSIS_TABLES, GALLERY, Layout
from .study import plan
from .study.study import Study, StudyError, load

PACKAGE = Path(__file__).parent

# Where the code of each step begins: what these import is what the step rests on. A run that is taken from the
# reference is `take`, whatever would have made it.
ENTRIES = {
    "data": ("data/imagenet.py", "data/prepare.py"),
    "train": ("data/stored.py", "training/runs.py"),
    "foretell": ("results/foretell.py",),
    "closeups": ("data/stored.py", "training/runs.py"),
    "audit": ("data/stored.py", "training/runs.py"),
    "probe": ("data/stored.py", "probes/probe_run.py"),
    "take": ("results/reference.py",),
    "collect": ("results/curves.py", "results/reference.py"),
    "analyse": (
        "analysis/together.py",
        "analysis/whole_study.py",
        "results/foretell.py",
        "results/provenance.py",
        "results/reference.py",
    ),
    "figure": ("figures/__init__.py", "figures/theme.py"),
    "report": ("report/__init__.py", "results/reference.py"),
    "article": ("report/__init__.py",),
    "gallery": ("explain/answer.py", "files.py"),
}
# Steps in whose parameters the study's file is, as it resolves.
KEYED = ("data", "train", "closeups", "audit", "probe", "take")


def rests_on(step: str, figure: str | None = None) -> tuple[str, ...]:
    """The package's modules of which an edit makes again what a step makes."""
    own = (f"figures/{FIGURES[figure].module}",) if figure else ()
    return code.modules(*ENTRIES[step], *own, keyed=step in KEYED)


def code_of(step: str, figure: str | None = None) -> str:
    """A digest of these, as a parameter of the rule."""
    return code.digest(*rests_on(step, figure))


def sample() -> list[str]:
    """The images that come with the package."""
    return [_short(path) for path in sorted((PACKAGE / "data/sample").glob("*.npz"))]


def report_sources() -> list[str]:
    """The files of report/ that a study's page is made from: templates, theme, stand-in renderer."""
    folder = PACKAGE.parents[1] / "report"
    others = (".", "article")
    return [_short(path) for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(others)]


def article_sources() -> list[str]:
    """The article, what else it is made with, and the committed results of every study."""
    kept = Layout.reference("STUDY").root.parent
    files = [
        path
        for end in ("claims.json", "provenance.json", "analysis/*.csv", "figures/*")
        for path in kept.glob(f"*/{end}")
    ]
    return [_short(PACKAGE.parents[1] / "report/article.qmd"), *report_sources(), *sorted(map(_short, files))]


def _short(path: Path) -> str:
    """Relative to the working folder where it lies below it: a checkout that was moved is not run again."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def put_this_python_first() -> None:
    """Let `python` in rules be the Python that runs snakemake, also where its environment was not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


class Workflow:
    """The configuration of one snakemake call, and what follows from it for any study."""

    def __init__(self, config: dict[str, Any]):
        self.config = config
        self.study = cache(self._study)
        self._origins = cache(lambda study: reference.origins(self.layout(study)))

    def _study(self, name: str) -> Study:
        return load(name, self.config["studies"], self.config.get("data_dir"), self.config.get("depth"))

    def layout(self, study: str) -> Layout:
        return Layout.of(study, self.config["results"])

    def gallery(self) -> Path:
        """The table of published logs that this configuration asks for, or else the committed one."""
        return Path(self.config["results"]) / ("" if self.config.get("logs") else "reference") / GALLERY

    def log_files(self) -> list[str]:
        """The index of the published logs, and the program that goes through them."""
        return [str(Path(self.config.get("logs") or ".") / "index.csv"), "benchmarks/logs.py"]

    def options(self) -> str:
        """Command-line options that every step takes, quoted for the shell."""
        pairs = {"--studies": self.config["studies"], "--results": self.config["results"]}
        if self.config.get("data_dir"):
            pairs["--data-dir"] = self.config["data_dir"]
        if self.config.get("depth"):
            pairs["--depth"] = self.config["depth"]
        return " ".join(f"{name} {quote(str(value))}" for name, value in pairs.items())

    def engine(self) -> str:
        """What will render the page."""
        return "quarto" if which("quarto") else "pandoc"

    def code(self, step: str, study: str, arm: str, seed: str) -> str:
        """The code of a step of a run, as a parameter of its rule."""
        return code_of("take" if self.reference_run(study, arm, seed) else step)

    def training_options(self, study: str, arm: str, seed: str) -> str:
        taken = " --from-reference" if self.reference_run(study, arm, seed) else ""
        return f"--device {self.config['device']} --workers {self.workers}{taken}"

    @property
    def processes(self) -> int:
        """Processes that train one run together on each node."""
        return self.config.get("processes", 1)

    @property
    def nodes(self) -> int:
        return self.config.get("nodes", 1)

    @property
    def workers(self) -> int:
        """Processes that read images from disk, beside each that trains; only for studies that need them."""
        return self.config.get("workers", 0)

    def on_disk(self, study: str) -> bool:
        """Whether the images of a study stay on disk."""
        return self.study(study).dataset["name"] == "imagenet"

    def data_cores(self, study: str) -> int:
        """Cores of the step that makes the data."""
        return max(1, self.workers * self.processes) if self.on_disk(study) else 1

    def cores(self, study: str) -> int:
        """Cores, on each node, of a step that trains."""
        return self.processes * (self.study(study).threads + (self.workers if self.on_disk(study) else 0))

    def training_resources(self) -> dict[str, Any]:
        """What a step that trains takes: a GPU for each process unless the device is cpu; on several nodes also what
        Snakemake's slurm plugin wants to know.
        """
        gpus = {"gpu": 0 if self.config["device"] == "cpu" else self.processes * self.nodes}
        if self.nodes == 1:
            return gpus
        # one task a node, which is torchrun; -1: not one for each GPU
        return gpus | {"nodes": self.nodes, "tasks": self.nodes, "tasks_per_gpu": -1, "mpi": "srun"}

    def launch(self, study: str, arm: str, seed: str) -> str:
        """The command that starts Python for a step that trains: torchrun for several processes, on each node of a
        Slurm job for several nodes.
        """
        if self.processes * self.nodes == 1 or self.reference_run(study, arm, seed):
            return "python"
        torchrun = f"python -m torch.distributed.run --nproc-per-node {self.processes}"
        if self.nodes == 1:
            return f"{torchrun} --standalone"
        gpus = "" if self.config["device"] == "cpu" else f" --gpus-per-node={self.processes}"
        step = f"srun --nodes={self.nodes} --ntasks={self.nodes} --cpus-per-task={self.cores(study)}{gpus}"
        first = "$(scontrol show hostnames $(squeue -h -j $SLURM_JOB_ID -o %N) | head -n 1)"
        place = f"{first}:$((29400 + SLURM_JOB_ID % 1000))"
        meeting = f"--rdzv-backend c10d --rdzv-id $SLURM_JOB_ID --rdzv-endpoint {place}"
        return f"{step} {torchrun} --nnodes {self.nodes} {meeting}"

    def run(self, study: str, arm: str, seed: str) -> plan.Run:
        return plan.find_run(self.study(study), arm, int(seed))

    def reference_run(self, study: str, arm: str, seed: str) -> Path | None:
        """The reference folder that serves for a run, None if it is to be trained."""
        if not self.asks_reference(study, arm, seed):
            return None
        return reference.find(self.study(study), self.run(study, arm, seed), Layout.reference(study))

    def asks_reference(self, study: str, arm: str, seed: str) -> bool:
        """Whether the reference serves for a run where it can: as `from` says, else the run goes on as it began; one
        that is not there yet, as others of its study did.
        """
        asked, known = self.config.get("from"), self._origins(study)
        return asked == "reference" if asked else known.get((arm, seed), any(known.values()))

    def check_torch(self, study: str) -> None:
        """Raises StudyError where runs are to be taken from the reference, some are not there, and without torch
        nothing can be trained. Said before anything runs: Snakemake tells an error of an input function only at times.
        """
        if find_spec("torch") is not None:
            return
        there = self.layout(study)
        missing = [
            run
            for run in plan.runs(self.study(study))
            if self.asks_reference(study, run.arm, str(run.seed))
            and not self.reference_run(study, run.arm, str(run.seed))
            and not (there.run(run.arm, run.seed) / "run.json").exists()
        ]
        if missing:
            more = f" (and {len(missing) - 1} more)" if missing[1:] else ""
            raise StudyError(
                f"run {missing[0].arm} seed {missing[0].seed}{more} of study {study} is not in "
                f"{Layout.reference(study).root} and must be trained, for which torch is not installed. Install it "
                "(make .venv/.train, or pip install '.[train]'), then give the same command again: only what is "
                "missing is trained"
            )

    def figure_inputs(self, study: str, name: str) -> list[str]:
        """The tables that a figure is made from. Raises StudyError for a figure that there is not."""
        if name not in FIGURES:
            raise StudyError(f"no figure {name!r}; there are: {', '.join(sorted(FIGURES))}")
        return [str(self.layout(study).table(table)) for table in FIGURES[name].tables]

    def parts(self, study: str) -> list[str]:
        """What the page is made from and people look at by itself: figures, tables, claims, provenance."""
        layout = self.layout(study)
        figures = [f"{layout.figure(name)}.{kind}" for name in FIGURES for kind in ("json", "svg")]
        tables = [str(layout.table(name)) for name in (*ANALYSIS_TABLES, "closeups", "right")]
        return [*figures, *tables, str(layout.claims), str(layout.provenance)]

    def training_inputs(self, study: str, arm: str, seed: str) -> list[str]:
        """Data, and the run that this one forks from; nothing of that for a reference run."""
        known = self.reference_run(study, arm, seed)
        if known:
            there = [reference.stored(known, name) for name in reference.FILES["train"]]
            return [str(path) for path in there if path.exists()]
        run, layout = self.run(study, arm, seed), self.layout(study)
        parent = [str(layout.run(run.parent, seed) / "curve.csv")] if run.parent else []
        if self.study(study).arm(arm).role == "fork":  # what it will do is written down before
            parent.append(str(layout.run(plan.CONTROL, seed) / "foretold.json"))
        return [str(layout.data), *parent]

    def closeup_inputs(self, study: str, arm: str, seed: str) -> list[str]:
        """The run itself, and what its replays need. Replays that a parent shares are waited for, not made twice."""
        run, layout = self.run(study, arm, seed), self.layout(study)
        parent = run.parent if run.parent and self.run(study, run.parent, seed).closeups else None
        waited = [str(layout.run(parent, seed) / "closeups.csv")] if parent else []
        return self._replay_inputs(study, arm, seed, "closeups", waited)

    def audit_inputs(self, study: str, arm: str, seed: str) -> list[str]:
        """The run itself, and what forks of it need."""
        return self._replay_inputs(study, arm, seed, "audit", [])

    def probe_inputs(self, study: str, arm: str, seed: str, probe: str) -> list[str]:
        """The run itself and what probes need. Directions of curvature are found once, by the probe of the control."""
        waits = arm != plan.CONTROL or probe != "curvature"
        first = [str(self.layout(study).run(plan.CONTROL, seed) / "probe_curvature.csv")] if waits else []
        return self._replay_inputs(study, arm, seed, probe, first)

    def _replay_inputs(self, study: str, arm: str, seed: str, step: str, more: list[str]) -> list[str]:
        known, layout = self.reference_run(study, arm, seed), self.layout(study)
        own = str(layout.run(arm, seed) / "run.json")
        if known:
            return [own, *(str(reference.stored(known, name)) for name in reference.FILES[step])]
        return [own, str(layout.data), *more]

    def compared_files(self, study: str) -> list[str]:
        """The reference results, and other trainings of the study kept beside them, with which the page compares."""
        kept = Layout.reference(study)
        claims = [path for path in (kept.claims, kept.provenance) if path.exists()]
        return [str(path) for path in (*claims, *reference.replication_files(kept))]

    def study_digest(self, study: str) -> str:
        """What is in a study's file."""
        return hashlib.sha256(Path(self.study(study).path).read_bytes()).hexdigest()[:12]

    def run_key(self, study: str, arm: str, seed: str) -> str:
        """What determines the run, as far as the study file does: the schedule, not the code that resolved it."""
        return plan.recipe_key(self.study(study), self.run(study, arm, seed))

    def numerics(self, study: str) -> dict[str, Any]:
        """What else a run's bits depend on: a change retrains."""
        loaded = self.study(study)
        several = {"processes": self.processes * self.nodes} if self.processes * self.nodes > 1 else {}
        return {"threads": loaded.threads, "precision": loaded.precision, "device": self.config["device"]} | several

    def run_files(self, study: str, step: str) -> list[str]:
        """What a step (train, closeups, audit, a probe) makes of every run of a study that has it."""
        loaded, layout = self.study(study), self.layout(study)
        return [
            str(layout.run(run.arm, run.seed) / name)
            for run in plan.runs_with(step, loaded)
            for name in reference.FILES[step]
        ]

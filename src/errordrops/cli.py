"""The command `errordrops`: one step of the workflow a subcommand, and what people ask without the workflow.

Imports stand inside the steps, so that a light step does not pay for a heavy one (torch takes seconds to import).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .errors import UserError, ran_out_of_memory
from .explain import options as explain_options

if TYPE_CHECKING:
    from .results.layout import Layout
    from .study.study import Study


NEEDED_BY_STUDIES = ("pyarrow", "pydantic", "scipy", "yaml")  # `pip install .` alone is for explain


def say(message: str) -> None:
    """One line to the log, at once."""
    print(message, flush=True)


def plan(args: argparse.Namespace) -> None:
    from .results.costs import arms_in_words, cost, cost_in_words

    loaded = _study(args)
    estimate = cost(loaded, args.cores, args.results, args.images_per_second)
    if args.json:
        print(json.dumps(estimate))
        return
    where = "" if args.images_per_second else f"on {args.cores} core(s) "
    print("\n".join([*arms_in_words(loaded), "", *cost_in_words(loaded, estimate, args.results, where)]))


def data(args: argparse.Namespace) -> None:
    from .study.study import check_batches

    loaded = _study(args)
    if loaded.dataset["name"] == "imagenet":
        from .data import imagenet

        facts = imagenet.prepare(loaded.dataset, _layout(args).data, say, args.workers or os.cpu_count() or 1)
    else:
        from .data.prepare import prepare

        facts = prepare(loaded.dataset, _layout(args).data, say)
    for arm in loaded.arms:
        check_batches(loaded.path, "arms", arm, facts["train_images"])
    say(f"{facts['train_images']} training and {facts['test_images']} test images from: {facts['source']}")


def train(args: argparse.Namespace) -> None:
    from .results import reference
    from .results.layout import Layout
    from .study.plan import PROBES, find_run, steps

    loaded, layout = _study(args), _layout(args)
    step = getattr(args, "probe", args.step)
    run = find_run(loaded, args.arm, args.seed)
    if args.from_reference:
        known = reference.find(loaded, run, Layout.reference(loaded.name))
        if known:
            reference.take(step, loaded, run, known, layout.run(run.arm, run.seed))
            say(f"run {run.arm} seed {run.seed}: taken from {known}")
            return
    from .training import distributed

    if loaded.dataset["name"] == "imagenet":
        from .data import stored

        idle = stored.readers_by_default(loaded.threads, distributed.here())
        stored.set_readers(idle if args.workers is None else args.workers)
    tell = say if distributed.rank() == 0 else lambda message: None
    if step in PROBES:
        from .probes.probe_run import probe_run

        if step not in steps(loaded, run):
            raise UserError(f"study {loaded.name} does not probe {step} of {run.arm} seed {run.seed}")
        probe_run(step, loaded, run, layout, args.device, tell)
        distributed.leave()
        return
    from .training.runs import audit_run, closeup_run, train_run

    make = {"train": train_run, "closeups": closeup_run, "audit": audit_run}[step]
    make(loaded, run, layout, args.device, tell)
    distributed.leave()


def foretell(args: argparse.Namespace) -> None:
    from .results.foretell import write

    made = write(_study(args), args.seed, _layout(args))
    falls = ", ".join(f"{name} {forecast['fall']:+.3f}" for name, forecast in made["forks"].items())
    say(f"foretold after epoch {made['date']} of seed {args.seed}: training loss falls by (nats) {falls}")


def collect(args: argparse.Namespace) -> None:
    import pandas as pd

    from .files import read_table, write_parquet
    from .results import curves
    from .results.reference import FILES, described_runs
    from .study.plan import PROBES, runs_with

    loaded, layout = _study(args), _layout(args)
    columns = {"closeups": curves.CLOSEUP_COLUMNS, "audit": curves.AUDIT_COLUMNS, "probes": curves.PROBE_COLUMNS}
    tables = {
        name: [
            read_table(layout.run(run.arm, run.seed) / FILES[step][0])
            for step in (PROBES if name == "probes" else [name])
            for run in runs_with(step, loaded)
        ]
        for name in columns
    }
    described_runs(loaded, layout)
    runs = [layout.run(run.arm, run.seed) for run in runs_with("train", loaded)]
    write_parquet(layout.curves, curves.collect([curves.read_run(folder / "curve.csv") for folder in runs]))
    tables["right"] = [read_table(folder / "right.csv") for folder in runs]
    columns["right"] = curves.RIGHT_COLUMNS
    for step, parts in tables.items():
        write_parquet(
            layout.table(step), curves.collect([t for t in parts if len(t)] or [pd.DataFrame(columns=columns[step])])
        )


def analyse(args: argparse.Namespace) -> None:
    from .analysis.claims import unclaimed
    from .analysis.right import Right
    from .analysis.together import apart, parted
    from .analysis.whole_study import results
    from .files import read_json, read_table, write_csv, write_json
    from .results.foretell import FILE
    from .results.provenance import epoch_seconds, provenance
    from .results.reference import described_runs
    from .study.plan import runs_with

    loaded, layout = _study(args), _layout(args)
    described = described_runs(loaded, layout)
    curves, closeups, audit, probes = (
        read_table(layout.table(name)) for name in ("curves", "closeups", "audit", "probes")
    )
    facts = provenance(loaded, described, curves)
    train_images, seconds = facts["settings"]["train_size"], epoch_seconds(loaded, described)
    forecasts = {run.seed: read_json(layout.run(run.arm, run.seed) / FILE) for run in runs_with("foretell", loaded)}
    strangers = parted(loaded, curves) | apart(described)
    right = Right(read_table(layout.table("right")), facts["data"][0].get("test_images"))
    tables, claims = results(
        loaded,
        curves,
        closeups,
        audit,
        probes,
        train_images,
        seconds,
        right,
        strangers,
        forecasts,
    )
    for name, table in tables.items():
        write_csv(layout.table(name), table)
    write_json(layout.claims, claims)
    write_json(layout.provenance, facts | {"unclaimed": unclaimed(loaded, claims)})


def figure(args: argparse.Namespace) -> None:
    from .figures import FIGURES, save
    from .files import read_table

    layout, chosen = _layout(args), FIGURES[args.figure]
    save(
        chosen.draw({name: read_table(layout.table(name)) for name in chosen.tables}),
        layout.figure(chosen.name),
    )


def report(args: argparse.Namespace) -> None:
    from .report import render

    layout = _layout(args)
    say(f"rendered by {render(layout.root, layout.report)}")


def article(args: argparse.Namespace) -> None:
    from .report import render_article

    say(f"rendered by {render_article(args.reference, args.out)}: {args.out}")


def open_page(args: argparse.Namespace) -> None:
    from .progress.front import open_page

    say(open_page(_study(args), args.results))


def keep(args: argparse.Namespace) -> None:
    from .results import reference
    from .results.layout import Layout

    kept = Layout.reference(_study(args).name)
    if args.again is not None:
        folder = reference.keep_again(_layout(args), kept, args.again)
        say(f"claims and provenance kept in {folder}; the reference is as it was")
        return
    runs, whole = reference.keep(_layout(args), kept)
    rest = "with analysis, claims, provenance and page" if whole else "the study is not complete: runs alone"
    say(f"{runs} runs trained here kept in {kept.root}, {rest}")


def prune(args: argparse.Namespace) -> None:
    from .results import pruning

    layout = _layout(args)
    freed = pruning.outdated(layout) if args.dry_run else pruning.prune(layout)
    print("\n".join(pruning.words(freed, done=not args.dry_run)))


def verify(args: argparse.Namespace) -> int:
    from .results.layout import Layout
    from .results.reference import conclusions
    from .results.verify import verify, words

    kept, own = Layout.reference(Path(args.study).stem), _layout(args)
    make = f"make report STUDY={own.root.name}"
    result = verify(conclusions(kept, f"errordrops keep {kept.root.name}, after {make}"), conclusions(own, make))
    print(json.dumps(result) if args.json else words(result))
    return 0 if result["agrees"] else 1


def _study(args: argparse.Namespace) -> "Study":
    from .study.study import load

    return load(args.study, args.studies, args.data_dir, args.depth)


def _layout(args: argparse.Namespace) -> "Layout":
    from .results.layout import Layout

    return Layout.of(Path(args.study).stem, args.results)


def _parser(asked: Sequence[str] = ()) -> argparse.ArgumentParser:
    """All commands; who asks for `explain` gets that one alone, so that the steps of studies are not imported."""
    parser = argparse.ArgumentParser(prog="errordrops", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"errordrops {__version__}")
    commands = parser.add_subparsers(dest="step", required=True, metavar="COMMAND")
    steps = {
        "plan": (plan, "runs, forks, epochs and time of a study, without training anything"),
        "data": (data, "fetch the data set of a study and draw its subsets"),
        "train": (train, "train one run"),
        "closeups": (train, "look into the epochs around the milestones of one run"),
        "audit": (train, "fork one run without a change and compare it bit by bit"),
        "probe": (
            train,
            "measure in the checkpoints of one run: dead units, curvature, motion, noise and more",
        ),
        "foretell": (foretell, "write down what each fork of one seed will do, before the forks are trained"),
        "collect": (collect, "bring the runs of a study into one table"),
        "analyse": (analyse, "tables, claims and provenance of a study"),
        "figure": (figure, "draw one figure of a study"),
        "report": (report, "render the page of a study"),
        "open": (open_page, "open the page of a study in the browser; without a browser, print its address"),
        "keep": (keep, "copy what is small of a study's results to results/reference"),
        "prune": (prune, "remove the checkpoints of a study that other code than this has left"),
        "verify": (verify, "compare the claims of your results with the reference's; exit code 0: agrees, 1: does not"),
    }
    explain_options.add_to(commands)
    if list(asked[:1]) == ["explain"]:
        return parser
    try:
        from . import study_options
    except ModuleNotFoundError as error:  # explain alone is installed
        if error.name not in NEEDED_BY_STUDIES:
            raise
        for name, (_, purpose) in steps.items():
            command = commands.add_parser(name, help=purpose)
            command.add_argument("more", nargs=argparse.REMAINDER)
            command.set_defaults(function=_needs_more)
        return parser
    for name, (function, purpose) in steps.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(function=function)
        study_options.add_to(command, name)
    command = commands.add_parser("article", help="render the article from the results of all studies")
    command.set_defaults(function=article)
    study_options.add_to_article(command)
    return parser


def _needs_more(args: argparse.Namespace) -> None:
    raise UserError("studies need packages that are not installed: pip install 'errordrops[workflow]'")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is one line on standard error and exit code 1 (verify: 2, as 1 is an answer)."""
    asked = sys.argv[1:] if argv is None else argv
    if not asked:
        from .progress.front import OVERVIEW

        print(OVERVIEW)
        return 0
    args = _parser(asked).parse_args(asked)
    try:
        return args.function(args) or 0
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(f"errordrops {args.step}: stopped by the user; what was finished is kept", file=sys.stderr)
        return 130
    except (UserError, OSError) as error:
        print(f"errordrops {args.step}: {error}", file=sys.stderr)
        return 2 if args.step == "verify" else 1
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        reason = (str(error) or "in Python").splitlines()[0]
        advice = "let fewer steps run at once (--cores, --resources gpu), or take a smaller group_size or network"
        print(f"errordrops {args.step}: memory does not suffice ({reason}); {advice}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision", "safetensors"):
            raise
        message = f"training needs {error.name}, which is not installed: pip install '.[train]', or make report"
        print(f"errordrops {args.step}: {message}", file=sys.stderr)
        return 1

"""What a study will cost, and what `errordrops plan` prints of it: its arms with their forks, epochs, time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..study.datafields import EXPECTED_IMAGES, TEST_IMAGES
from ..study.plan import recipe_key, runs, totals
from ..study.study import Study
from . import reference
from .layout import Layout

# Multiply-adds a second of one training thread, evaluation included: the committed runs of study quick (1,163 s for 240
# epochs, bf16 on an AMD EPYC core). Batch 32 on a processor; says nothing about a GPU.
MULTIPLY_ADDS_PER_SECOND = 103e9
PROCESSOR = "processor"
ROLES = {
    "drawn": "arms whose dates are drawn for each seed",
    "hold": "arms with one change left out",
    "fork": "forks at one date",
    "placebo": "active placebos",
    "cut": "stubs of the cut sweep",
    "activation": "networks with other activations",
    "optimizer": "other optimisers",
}
IMAGENET_FORWARD = {18: 1.8e9, 34: 3.7e9, 50: 4.1e9}  # torchvision's tables, 224 x 224 pixels
SHAPES = {"fashion-mnist": (1, 28), "fashion-mnist-sample": (1, 28), "cifar10": (3, 32)}


def forward_multiply_adds(study: Study) -> float:
    """Multiply-adds of one image through the convolutions of the study's network."""
    family, depth = study.model["family"], study.model["depth"]
    channels, size = SHAPES.get(study.dataset["name"], (3, study.dataset.get("image_size", 32)))
    if family == "imagenet-resnet":
        return IMAGENET_FORWARD[depth] * (size / 224) ** 2
    cifar = family == "cifar-resnet"
    width = study.model["width"] if cifar else 16 * study.model["widen_factor"]
    blocks, stem = ((depth - 2) // 6, width) if cifar else ((depth - 4) // 6, 16)
    total, inputs, side = channels * stem * 9 * size**2, stem, size
    for stage in range(3):
        outputs = width * 2**stage
        side = side if stage == 0 else -(-side // 2)
        for _ in range(blocks):
            total += 9 * (inputs + outputs) * outputs * side**2
            inputs = outputs
    return float(total)


def estimated_seconds(
    study: Study, cores: int, measured: Mapping[str, Mapping[str, float]], rate: float | None = None
) -> tuple[float, str]:
    """Wall seconds for training and evaluation on this many cores, and what the estimate rests on.

    `rate`: images trained a second, all GPUs together, runs one after the other. Else what was `measured` on
    processors, by source (see `seconds_per_epoch`), the first that has it, counts more than arithmetic.
    """
    if rate:
        images = _images(study) / 3  # in units of an image trained, which costs three forward passes
        return images / rate * totals(study)["epochs"], f"{rate:,.0f} images a second"
    jobs = max(1, min(cores // study.threads, totals(study)["runs"]))
    for source, seconds in measured.items():
        if PROCESSOR in seconds:
            return seconds[PROCESSOR] * totals(study)["epochs"] / jobs, f"measured: {source}"
    per_epoch = _images(study) * forward_multiply_adds(study) / (MULTIPLY_ADDS_PER_SECOND * study.threads)
    return per_epoch * totals(study)["epochs"] / jobs, "multiply-adds at the rate of one processor core"


def _images(study: Study) -> int:
    """Forward passes of single images in an epoch and its evaluation; a training step costs three."""
    name = study.dataset["name"]
    expected = EXPECTED_IMAGES.get(name, (50_000, 10_000))
    train = study.train_images or expected[0]
    evaluated = study.dataset.get("test_size") or TEST_IMAGES.get(name, expected[1])
    fixed, statistics = study.evaluation["train_images"], study.evaluation["statistics_images"]
    images = 3 * train + 2 * (evaluated + fixed) + statistics + study.dataset.get("validation_size", 0)
    if study.averages:
        images += len(study.averages) * (statistics + fixed) + evaluated
    return images


def seconds_per_epoch(layout: Layout) -> dict[str, float]:
    """Seconds that an epoch took in the runs that were trained in a folder, by GPU; on processors as PROCESSOR."""
    spent: dict[str, list[tuple[float, int]]] = {}
    for run in reference.descriptions(layout).values():
        if run["epochs_trained"] and not run.get("from_reference"):
            device = run["numerics"][-1]
            hardware = PROCESSOR if device["device"] == "cpu" else device["hardware"]
            seconds = run["seconds_training"] + run["seconds_evaluation"]
            spent.setdefault(hardware, []).append((seconds, run["epochs_trained"]))
    return {hardware: sum(s for s, _ in own) / sum(n for _, n in own) for hardware, own in spent.items()}


def left(study: Study, results: str | Path = "results") -> dict[str, int]:
    """Epochs of the runs that are not in the results as the study has them now; with and without the reference."""
    here, kept = Layout.of(study.name, results), Layout.reference(study.name)
    there = {folder: described.get("recipe_key") for folder, described in reference.descriptions(here).items()}
    missing = [run for run in runs(study) if there.get(here.run(run.arm, run.seed)) != recipe_key(study, run)]
    rest = [run for run in missing if not reference.find(study, run, kept)]
    counts = (sum(run.epochs_trained for run in group) for group in (missing, rest))
    return dict(zip(("epochs_left", "epochs_left_from_reference"), counts, strict=True))


def cost(study: Study, cores: int, results: str | Path = "results", rate: float | None = None) -> dict[str, Any]:
    """What `errordrops plan` prints: runs, epochs, epochs_without_forks, seconds on these cores or at this rate,
    estimate_from, seconds_on_gpu by its name where that was measured; epochs_left to train where runs are already here,
    and epochs_left_from_reference where those of the reference are taken as well.
    """
    here, kept = map(seconds_per_epoch, (Layout.of(study.name, results), Layout.reference(study.name)))
    seconds, source = estimated_seconds(study, cores, {"earlier runs here": here, "the reference": kept}, rate)
    gpus = {name: round(s * totals(study)["epochs"]) for name, s in (kept | here).items() if name != PROCESSOR}
    estimate = {"seconds": round(seconds), "cores": cores, "estimate_from": source, "seconds_on_gpu": gpus}
    return totals(study) | estimate | left(study, results)


def arms_in_words(study: Study) -> list[str]:
    """The arms, what they fork from and how many epochs they train; families of runs in a line each."""
    planned = runs(study)
    lines = [
        f"Study {study.name}: {study.title}",
        f"{len(planned)} runs of {len(study.arms)} arms, up to {len(study.seeds)} seeds and {study.epochs} epochs each",
        "",
        f"{'arm':<16} {'forks from':<12} {'after epoch':>11} {'epochs trained':>15} {'seeds':>6}   schedule",
    ]
    first = {run.arm: run for run in reversed(planned)}
    for arm in study.schedules:
        run = first[arm.name]
        after = run.fork_epoch if run.parent else ""
        lines.append(
            f"{run.arm:<16} {run.parent or '-':<12} {after:>11} {run.epochs_trained:>15} {len(arm.seeds):>6}   "
            f"{arm.description}"
        )
    for role, words in ROLES.items():
        family = [run for run in planned if study.arm(run.arm).role == role]
        if family:
            lines.append(f"{words}: {len(family)} runs, {sum(run.epochs_trained for run in family)} epochs to train")
    return lines


def cost_in_words(study: Study, estimate: Mapping[str, Any], results: str, where: str) -> list[str]:
    """What `cost` has reckoned, the time of it `where`, such as `on 2 core(s)`."""
    saved = 1 - estimate["epochs"] / estimate["epochs_without_forks"]
    lines = [
        f"Epochs to train: {estimate['epochs']}, without forks {estimate['epochs_without_forks']} ({saved:.0%} saved).",
        f"Training and evaluation alone: about {duration(estimate['seconds'])} {where}({estimate['estimate_from']}).",
    ]
    lines += [
        f"On one {hardware}, runs one after the other: about {duration(seconds)} (measured)."
        for hardware, seconds in estimate["seconds_on_gpu"].items()
    ]
    left, rest = estimate["epochs_left"], estimate["epochs_left_from_reference"]
    if left < estimate["epochs"]:
        lines.append(f"{results}/{study.name} holds runs already: {left} epochs are left to train.")
    if rest < left:
        lines.append(f"results/reference holds runs of it: with FROM=reference {rest} epochs are left to train.")
    return lines


def duration(seconds: float) -> str:
    """`45 s`, `15 min`, `2.3 h`, `430 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 6000 else f"{minutes / 60:,.0f} h"

"""What a study will cost: epochs with and without forks, and an estimate of time."""

import json
from pathlib import Path
from typing import Any

from . import reference
from .layout import Layout
from .plan import Run, recipe_key, runs, totals
from .study import Study
from .studychecks import EXPECTED_IMAGES, TEST_IMAGES

# Multiply-adds a second of one training thread, evaluation included: the committed runs of study quick (1,163 s for 240
# epochs, bf16 on an AMD EPYC core). Batch 32 on a processor; says nothing about a GPU.
MULTIPLY_ADDS_PER_SECOND = 103e9
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
    study: Study, cores: int, results: str | Path = "results", rate: float | None = None
) -> tuple[float, str]:
    """Wall seconds for training and evaluation on this many cores, and what the estimate rests on.

    `rate`: images trained a second, all GPUs together, runs one after the other. Else runs of this study that were
    measured on a processor (here, else the reference) count more than arithmetic.
    """
    if rate:
        images = _images(study) / 3  # in units of an image trained, which costs three forward passes
        return images / rate * totals(study)["epochs"], f"{rate:,.0f} images a second"
    jobs = max(1, min(cores // study.threads, totals(study)["runs"]))
    for layout, source in _measured_in(study, results):
        seconds = _seconds_per_epoch(layout, gpu=False)
        if seconds:
            return next(iter(seconds.values())) * totals(study)["epochs"] / jobs, f"measured: {source}"
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


def _measured_in(study: Study, results: str | Path) -> tuple[tuple[Layout, str], ...]:
    return (Layout.of(study.name, results), "earlier runs here"), (Layout.reference(study.name), "the reference")


def _seconds_per_epoch(layout: Layout, gpu: bool) -> dict[str, float]:
    """By hardware, GPUs or processors, the seconds that an epoch took in the runs described in a folder."""
    spent: dict[str, list[float]] = {}
    for path in layout.root.glob("runs/*/seed*/run.json"):
        run = json.loads(path.read_text())
        device = run["numerics"][-1]
        if run["epochs_trained"] and not run.get("from_reference") and (device["device"] != "cpu") == gpu:
            total = spent.setdefault(device["hardware"] if gpu else "processor", [0, 0])
            total[0] += run["seconds_training"] + run["seconds_evaluation"]
            total[1] += run["epochs_trained"]
    return {hardware: seconds / epochs for hardware, (seconds, epochs) in spent.items()}


def on_gpus(study: Study, results: str | Path = "results") -> dict[str, float]:
    """Seconds for training and evaluation, runs one after the other, by the GPU on which this was measured."""
    found: dict[str, float] = {}
    for layout, _ in _measured_in(study, results):
        found = {
            hardware: s * totals(study)["epochs"] for hardware, s in _seconds_per_epoch(layout, True).items()
        } | found
    return found


def left(study: Study, results: str | Path = "results") -> dict[str, int]:
    """Epochs of the runs that are not in the results as the study has them now; with and without the reference."""
    here, kept = Layout.of(study.name, results), Layout.reference(study.name)
    missing = [run for run in runs(study) if not _is_there(here, study, run)]
    rest = [run for run in missing if not reference.find(study, run, kept)]
    counts = (sum(run.epochs_trained for run in group) for group in (missing, rest))
    return dict(zip(("epochs_left", "epochs_left_from_reference"), counts, strict=True))


def _is_there(layout: Layout, study: Study, run: Run) -> bool:
    path = layout.run(run.arm, run.seed) / "run.json"
    return path.exists() and json.loads(path.read_text()).get("recipe_key") == recipe_key(study, run)


def cost(study: Study, cores: int, results: str | Path = "results", rate: float | None = None) -> dict[str, Any]:
    """What `errordrops plan` prints: runs, epochs, epochs_without_forks, seconds on these cores or at this rate,
    estimate_from, seconds_on_gpu by its name where that was measured; epochs_left to train where runs are already here,
    and epochs_left_from_reference where those of the reference are taken as well.
    """
    seconds, source = estimated_seconds(study, cores, results, rate)
    gpus = {hardware: round(measured) for hardware, measured in on_gpus(study, results).items()}
    found = {"seconds": round(seconds), "cores": cores, "estimate_from": source, "seconds_on_gpu": gpus}
    return totals(study) | found | left(study, results)

"""Training throughput of this machine: errordrops as the workflow uses it, beside yardsticks, all in one run.

    python benchmarks/throughput.py [--seconds 8] [--rounds 2] [--out results/bench.json]

errordrops    jobs x threads as the study states them; data order, augmentation and normalisation included
torchvision   the usual loop: Dataset of PIL images, transforms, DataLoader, float32, default layout; its best number of
              jobs, threads and workers is what counts
eager         on a GPU: float32, default layout, no graphs, but data on the device
synthetic     the same update as errordrops, precision and jobs too, on one fixed batch that needs no data work
Images per second are summed over the jobs that run side by side; medians over rounds, in which the loops take turns. On
a processor study quick; on a GPU ResNet-20 (he2015-cifar10) and Wide ResNet 16-4 (smith2018-cifar10). Random pixels.
"""

import argparse
import json
import multiprocessing
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from convolutions import convolution_rate
from errordrops.results import costs
from errordrops.study import study
from errordrops.training import numerics
from loops import measure, random_data


@dataclass(frozen=True)
class Setup:
    """A loop of a study, at a batch size, as so many jobs of so many threads; `workers`: of a DataLoader."""

    loop: str
    study: str
    batch: int
    jobs: int
    threads: int
    workers: int = 0

    def __str__(self):
        return (
            f"{self.loop:<12} {self.study}, batch {self.batch}: {self.jobs} job(s) x {self.threads} thread(s), "
            f"{self.workers} workers"
        )


def on_a_processor(cores: int) -> list[Setup]:
    """errordrops first, synthetic second."""
    loaded = study.load("quick")
    base, jobs = loaded.base.batch_size, max(1, cores // loaded.threads)
    ours = [Setup(loop, "quick", base, jobs, loaded.threads) for loop in ("errordrops", "synthetic")]
    usual = [Setup("torchvision", "quick", base, 1, cores, workers) for workers in (0, 1, cores)]
    usual += [Setup("torchvision", "quick", base, cores, 1, workers) for workers in (0, 1)]
    larger = sorted({phase.setting.batch_size for phase in loaded.arm("batch").phases} - {base})
    return ours + usual + [Setup("errordrops", "quick", batch, jobs, loaded.threads) for batch in larger]


def on_a_gpu(cores: int) -> list[Setup]:
    """errordrops first, synthetic second."""
    small, wide = "he2015-cifar10", "smith2018-cifar10"
    setups = [Setup(loop, small, 128, 1, 1) for loop in ("errordrops", "synthetic", "eager")]
    setups += [Setup("torchvision", small, 128, 1, 1, workers) for workers in (0, max(1, cores - 1))]
    setups += [Setup("errordrops", small, 128, jobs, 1) for jobs in (2, 4)]
    setups += [Setup("errordrops", small, batch, 1, 1) for batch in (1280, 12800)]
    return setups + [Setup("errordrops", wide, batch, 1, 1) for batch in (128, 640, 3200, 16000)]


def rates_of(setups: list[Setup], seconds: float, rounds: int) -> dict[Setup, float]:
    """Images per second of each."""
    found: dict[Setup, list[float]] = {setup: [] for setup in setups}
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.safetensors" for name in {setup.study for setup in setups}}
        for name, path in paths.items():
            random_data(name, path)
        for _ in range(rounds):
            for s in setups:
                rate = measure(s.loop, s.study, str(paths[s.study]), s.jobs, s.threads, s.workers, s.batch, seconds)
                found[s].append(rate)
                print(f"{s}: {rate:,.0f} images/s", flush=True)
    return {setup: statistics.median(values) for setup, values in found.items()}


def ratios_of(rates: dict[Setup, float]) -> dict[str, float]:
    """errordrops beside every yardstick, the best setup of each, at the same study and batch and its usual jobs."""
    mine = next(iter(rates))
    found = {}
    for loop in dict.fromkeys(setup.loop for setup in rates):
        best = max(rate for setup, rate in rates.items() if (setup.loop, setup.study) == (loop, mine.study))
        if loop != "errordrops":
            found[f"errordrops / {loop}"] = rates[mine] / best
    return found


def epochs_of(rates: dict[Setup, float], peak: float | None) -> list[dict]:
    """By study and batch size for one job: seconds an epoch, and on a GPU the share of its rate of convolutions."""
    rows = []
    for setup, rate in rates.items():
        fewest = min(other.jobs for other in rates if other.loop == "errordrops")
        if setup.loop != "errordrops" or setup.jobs != fewest:
            continue
        loaded = study.load(setup.study)
        operations = 6 * costs.forward_multiply_adds(loaded)  # two an addition and product, three passes in training
        rows.append(
            {
                "study": setup.study,
                "batch": setup.batch,
                "images_per_second": rate / setup.jobs,
                "seconds_per_epoch": loaded.train_images * setup.jobs / rate,
                "teraflops": rate / setup.jobs * operations / 1e12,
            }
            | ({"share_of_convolution_rate": rate / setup.jobs * operations / peak} if peak else {})
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/bench.json"))
    options = parser.parse_args()
    cores, device = multiprocessing.cpu_count(), numerics.choose_device()
    setups = on_a_processor(cores) if device == "cpu" else on_a_gpu(cores)
    rates = rates_of(setups, options.seconds, options.rounds)
    chosen = numerics.choose(device, "auto", 1, setups[0].batch, 32 * 32)
    peak = convolution_rate() if device == "cuda" else None
    bench = {
        "numerics": numerics.describe(chosen),
        "gpus": torch.cuda.device_count(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "loops": [asdict(setup) | {"images_per_second": rate} for setup, rate in rates.items()],
        "ratios": ratios_of(rates),
        "epochs": epochs_of(rates, peak),
    } | ({"convolution_teraflops": peak / 1e12} if peak else {})
    print(
        f"\n{bench['numerics']['hardware']}, {chosen.precision}; medians over {options.rounds} round(s); {setups[0]}:"
    )
    for name, ratio in bench["ratios"].items():
        print(f"{name:<28} {ratio:.2f}")
    for row in bench["epochs"]:
        share = f", {row['share_of_convolution_rate']:.0%} of the rate of convolutions" if peak else ""
        print(
            f"{row['study']}, batch {row['batch']}: {row['seconds_per_epoch']:.2f} s an epoch a job, "
            f"{row['images_per_second']:,.0f} images/s{share}"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(bench, indent=1) + "\n")


if __name__ == "__main__":
    main()

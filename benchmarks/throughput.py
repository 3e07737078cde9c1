"""Training throughput of this machine: errordrops as the workflow uses it, beside two yardsticks, all in one run.

    python benchmarks/throughput.py [--study quick] [--seconds 8] [--rounds 2]

errordrops    jobs x threads as the study states them; data order, augmentation and normalisation included
torchvision   the usual loop: Dataset of PIL images, transforms, DataLoader, float32, default layout; its best number of
              jobs, threads and workers is what counts
synthetic     the same loop as errordrops, precision and jobs too, on one fixed batch that needs no data work
Images per second are summed over the jobs that run side by side; medians over rounds, in which the loops take turns.
"""

import argparse
import multiprocessing
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from errordrops import numerics, plan, study
from errordrops.data import epoch, prepare
from errordrops.training import Trainer


class Pictures(Dataset):
    """The training images as torchvision's own data sets give them: a PIL image made and transformed at each access."""

    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        pixels = self.images[index].numpy()
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        return self.transform(image), int(self.labels[index])


def make_trainer(name: str, data_path: str, threads: int, usual: bool = False) -> Trainer:
    """A trainer for seed 0 of a study; `usual`: float32, and the process left as torch sets it up."""
    loaded, path = study.load(name), Path(data_path)
    pixels = prepare.facts(path)["shape"][1:]
    if usual:
        torch.set_num_threads(threads)
        chosen = numerics.Numerics(numerics.choose_device(), "fp32", threads, loaded.base.batch_size)
    else:
        chosen = numerics.choose("auto", "auto", threads, loaded.base.batch_size, pixels[0] * pixels[1])
    data = epoch.load(path, torch.device(chosen.device), loaded.dataset["pad"], loaded.dataset["flip"])
    return Trainer.create(plan.recipe(loaded, plan.runs(loaded)[0]), data, chosen)


def epochs_of_errordrops(name, data_path, threads, workers):
    """Yields after each epoch the number of images trained."""
    trainer, setting = make_trainer(name, data_path, threads), study.load(name).base
    for number in range(1, 10_000):
        trainer.train_epoch(number, setting)
        yield len(trainer.data.train)


def plain_step(trainer, setting, images, labels):
    with trainer.numerics.autocast():
        logits = trainer.model(images)
    loss = cross_entropy(logits.float(), labels)
    loss.backward()
    trainer.optimizer.step(setting.learning_rate, setting.momentum)


def epochs_of_synthetic(name, data_path, threads, workers):
    trainer, setting = make_trainer(name, data_path, threads), study.load(name).base
    images = trainer.data.normalise(trainer.data.train.images[: setting.batch_size])
    labels = trainer.data.train.labels[: setting.batch_size]
    trainer.model.train()
    while True:
        for _ in range(50):
            plain_step(trainer, setting, images, labels)
        yield 50 * setting.batch_size


def epochs_of_torchvision(name, data_path, threads, workers):
    from torchvision.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor

    trainer, loaded = make_trainer(name, data_path, threads, usual=True), study.load(name)
    model, setting = trainer.model.to(memory_format=torch.contiguous_format).train(), loaded.base
    optimizer = torch.optim.SGD(
        model.parameters(), setting.learning_rate, setting.momentum, weight_decay=loaded.weight_decay
    )
    data, size = trainer.data, trainer.data.train.images.shape[-1]
    steps = [RandomCrop(size, padding=loaded.dataset["pad"])] + [RandomHorizontalFlip()] * loaded.dataset["flip"]
    mean, std = ((t.flatten() / 255).tolist() for t in (data.mean, data.std))
    transform = Compose([*steps, ToTensor(), Normalize(mean, std)])
    pictures = Pictures(data.train.images.cpu().contiguous(), data.train.labels.cpu(), transform)
    loader = DataLoader(
        pictures, loaded.base.batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    device = data.mean.device
    while True:
        for count, (images, labels) in enumerate(loader, start=1):
            loss = cross_entropy(model(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if count % 50 == 0:
                yield 50 * loaded.base.batch_size


LOOPS = {
    "errordrops": epochs_of_errordrops,
    "synthetic": epochs_of_synthetic,
    "torchvision": epochs_of_torchvision,
}


def job(loop, arguments, seconds, barrier, results):
    chunks = LOOPS[loop](*arguments)
    next(chunks)  # warm-up
    finish()
    barrier.wait(timeout=300)
    images, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        images += next(chunks)
    finish()
    results.put(images / (time.monotonic() - began))


def finish():
    """Wait for what a GPU still has to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(loop, name, data_path, jobs, threads, workers, seconds):
    """Images per second of all jobs together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(jobs), context.Queue()
    arguments = (loop, (name, data_path, threads, workers), seconds, barrier, results)
    running = [context.Process(target=job, args=arguments) for _ in range(jobs)]
    for process in running:
        process.start()
    total = sum(results.get(timeout=600) for _ in running)
    for process in running:
        process.join()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="quick")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    loaded, cores = study.load(options.study), multiprocessing.cpu_count()
    jobs = max(1, cores // loaded.threads)
    ours = [("errordrops", jobs, loaded.threads, 0), ("synthetic", jobs, loaded.threads, 0)]
    usual = [("torchvision", 1, cores, workers) for workers in (0, 1, cores)]
    usual += [("torchvision", cores, 1, workers) for workers in (0, 1)]
    found: dict[tuple, list[float]] = {}
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "data.safetensors")
        prepare.prepare(loaded.dataset, Path(path))
        for _ in range(options.rounds):
            for setup in [*ours, *usual]:
                rate = measure(setup[0], options.study, path, *setup[1:], options.seconds)
                found.setdefault(setup, []).append(rate)
                print(
                    f"{setup[0]:<12} {setup[1]} job(s) x {setup[2]} thread(s), {setup[3]} workers: {rate:.0f} images/s",
                    flush=True,
                )
    rates = {setup: statistics.median(values) for setup, values in found.items()}
    best = max((setup for setup in rates if setup[0] == "torchvision"), key=rates.get)
    mine, synthetic = (rates[setup] for setup in ours)
    print(f"\nmedians over {options.rounds} round(s), study {options.study}, batch {loaded.base.batch_size}:")
    print(
        f"errordrops / torchvision at its best {best[1:]}: {mine / rates[best]:.2f}  ({mine:.0f} / {rates[best]:.0f})"
    )
    print(f"errordrops / synthetic batch:                      {mine / synthetic:.2f}  ({mine:.0f} / {synthetic:.0f})")


if __name__ == "__main__":
    main()

"""The training loops that are compared, each a generator of the number of images trained, and jobs that run them."""

import json
import multiprocessing
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from errordrops.data import epoch, prepare
from errordrops.results.costs import SHAPES
from errordrops.study import plan, study
from errordrops.study.batching import group_sizes
from errordrops.study.settings import Setting
from errordrops.training import numerics
from errordrops.training.distributed import share_of_batch
from errordrops.training.trainer import Trainer


def random_data(name: str, path: Path) -> None:
    """Random pixels in the shape and number of a study's data: speed does not depend on what is to be seen."""
    loaded, draw = study.load(name), np.random.default_rng(0)
    channels, size = SHAPES[loaded.dataset["name"]]
    arrays = {"mean": np.full((channels, 1, 1), 127.5, np.float32), "std": np.full((channels, 1, 1), 70, np.float32)}
    for half, images in (("train", loaded.train_images), ("test", 1000)):
        arrays[f"{half}_images"] = draw.integers(0, 256, (images, channels, size, size), dtype=np.uint8)
        arrays[f"{half}_labels"] = np.arange(images) % 10
    facts = {"name": "random pixels", "shape": [channels, size, size], "train_images": loaded.train_images}
    save_file(arrays, path, metadata={"facts": json.dumps(facts)})


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


def make_trainer(name: str, data_path: str, threads: int, batch: int, usual: bool = False) -> tuple[Trainer, Setting]:
    """A trainer for seed 0 of a study, and its base setting at a batch size; `usual`: as torch does it if not told."""
    loaded, path = study.load(name), Path(data_path)
    pixels = prepare.facts(path)["shape"][1:]
    if usual:
        torch.set_num_threads(threads)
        chosen = numerics.Numerics(numerics.choose_device(), "fp32", threads, loaded.base.batch_size)
    else:
        chosen = numerics.choose("auto", "auto", threads, loaded.base.batch_size, pixels[0] * pixels[1])
    data = epoch.load(path, torch.device(chosen.device), loaded.dataset, seed=0)
    trainer = Trainer.create(plan.recipe(loaded, plan.runs(loaded)[0]), data, chosen)
    return trainer, Setting(loaded.base.learning_rate, batch, loaded.base.momentum)


def epochs_of_errordrops(name, data_path, threads, workers, batch):
    trainer, setting = make_trainer(name, data_path, threads, batch)
    for number in range(1, 10_000):
        trainer.train_epoch(number, setting)
        yield len(trainer.data.train)


def epochs_of_synthetic(name, data_path, threads, workers, batch):
    """errordrops' own update, on one fixed batch."""
    trainer, setting = make_trainer(name, data_path, threads, batch)
    share = share_of_batch(group_sizes(batch, trainer.group_size), trainer.numerics.images_per_pass)
    ends = np.cumsum([0, *(each.images for each in share.passes)])
    train = trainer.data.train
    parts = [slice(start, end) for start, end in pairwise(ends)]
    pieces = [(trainer.data.normalise(train.images[part]), train.labels[part]) for part in parts]
    trainer.model.train()
    while True:
        for _ in range(50):
            trainer.update(share, iter(pieces), setting, updates=len(train) // batch)
        yield 50 * batch


def epochs_of_eager(name, data_path, threads, workers, batch):
    """What is plain to write: float32, default layout, torch's own optimiser; but data on the device."""
    trainer, setting = make_trainer(name, data_path, threads, batch, usual=True)
    model, optimizer = plain_model(trainer, setting, name)
    for number in range(1, 10_000):
        sizes = [batch] * (len(trainer.data.train) // batch)
        for images, labels in epoch.Epoch(trainer.data, 0, number).pieces(sizes):
            plain_step(model, optimizer, images.contiguous(), labels)
        yield sum(sizes)


def plain_model(trainer, setting, name):
    model = trainer.model.to(memory_format=torch.contiguous_format).train()
    decay = study.load(name).weight_decay
    return model, torch.optim.SGD(model.parameters(), setting.learning_rate, setting.momentum, weight_decay=decay)


def plain_step(model, optimizer, images, labels):
    cross_entropy(model(images), labels).backward()
    optimizer.step()
    optimizer.zero_grad()


def epochs_of_torchvision(name, data_path, threads, workers, batch):
    """The usual loop: Dataset of PIL images, transforms, DataLoader, float32, default layout."""
    from torchvision.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor

    trainer, setting = make_trainer(name, data_path, threads, batch, usual=True)
    model, optimizer = plain_model(trainer, setting, name)
    data, size, augmented = trainer.data, trainer.data.train.images.shape[-1], study.load(name).dataset
    steps = [RandomCrop(size, padding=augmented["pad"])] + [RandomHorizontalFlip()] * augmented["flip"]
    mean, std = ((t.flatten() / 255).tolist() for t in (data.mean, data.std))
    transform = Compose([*steps, ToTensor(), Normalize(mean, std)])
    pictures = Pictures(data.train.images.cpu().contiguous(), data.train.labels.cpu(), transform)
    loader = DataLoader(pictures, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    device = data.mean.device
    while True:
        for count, (images, labels) in enumerate(loader, start=1):
            plain_step(model, optimizer, images.to(device), labels.to(device))
            if count % 50 == 0:
                yield 50 * batch


LOOPS = {
    "errordrops": epochs_of_errordrops,
    "synthetic": epochs_of_synthetic,
    "eager": epochs_of_eager,
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


def measure(loop, name, data_path, jobs, threads, workers, batch, seconds):
    """Images per second of all jobs together. Raises RuntimeError if a job fails."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(jobs), context.Queue()
    arguments = (loop, (name, data_path, threads, workers, batch), seconds, barrier, results)
    running = [context.Process(target=job, args=arguments) for _ in range(jobs)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise RuntimeError(f"the loop {loop} of study {name} at batch {batch} failed; see above")
    return sum(results.get(timeout=60) for _ in running)

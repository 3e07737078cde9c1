"""One training run, written in the formats that people's programs write. Each writer returns the path to explain.

The run: 60 epochs of 40 steps, learning rate 0.1, divided by 10 after 25 and after 45 epochs, where errors and losses
fall.
"""

import gzip
import json
import struct

import numpy as np
import pandas as pd

EPOCHS, STEPS, MILESTONES = 60, 40, (25, 45)
WRITERS = []


def writer(function):
    """A function that writes the run into a folder and returns what to explain."""
    WRITERS.append(function)
    return function


def rates():
    """Learning rate of each epoch, shape (60,)."""
    return np.array([0.1 / 10 ** sum(e >= m for m in MILESTONES) for e in range(EPOCHS)])


def run(seed=0):
    """Columns epoch (from 1), train_loss, train_acc, val_loss, val_acc (percent), lr."""
    rng = np.random.default_rng(seed)
    e = np.arange(1, EPOCHS + 1)
    level = np.where(e > MILESTONES[1], 0.35, np.where(e > MILESTONES[0], 0.5, 1.0))
    noise = np.where(e > MILESTONES[0], 0.01, 0.03)
    curve = (0.6 + 1.5 * e**-0.8) * level
    train, val = (curve * np.exp(noise * rng.normal(size=EPOCHS)) for _ in range(2))
    columns = {"epoch": e, "train_loss": train, "train_acc": 100 - 25 * train, "val_loss": 1.2 * val}
    return pd.DataFrame(columns | {"val_acc": 100 - 32 * val, "lr": rates()}).round(5)


def fractions(table):
    return table.assign(train_acc=table["train_acc"] / 100, val_acc=table["val_acc"] / 100)


def minibatches(table, per_epoch=4):
    """(epoch from 1, step, loss) of every tenth step."""
    rng = np.random.default_rng(1)
    for row in table.itertuples():
        for k in range(1, per_epoch + 1):
            step = (row.epoch - 1) * STEPS + k * STEPS // per_epoch
            yield row.epoch, step, row.train_loss * np.exp(0.05 * rng.normal())


def lines(folder, name, rows, encoding="utf-8"):
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding=encoding)
    return path


@writer
def plain_csv(folder):
    run().to_csv(folder / "train.csv", index=False)
    return folder / "train.csv"


@writer
def indexed_csv(folder):
    run().drop(columns="epoch").to_csv(folder / "history.csv")
    return folder / "history.csv"


@writer
def packed_csv(folder):
    (folder / "train.csv.gz").write_bytes(gzip.compress(run().to_csv(index=False).encode()))
    return folder / "train.csv.gz"


@writer
def utf16_tsv(folder):
    return lines(folder, "train.tsv", run().to_csv(index=False, sep="\t").split("\n"), "utf-16")


@writer
def marked_csv(folder):
    return lines(folder, "train.csv", run().to_csv(index=False).split("\n"), "utf-8-sig")


@writer
def latin_csv(folder):
    rows = run().assign(remark="fertig nach 3 µs").to_csv(index=False).split("\n")
    return lines(folder, "train.csv", rows, "latin-1")


@writer
def semicolons(folder):
    run().to_csv(folder / "log.csv", index=False, sep=";", decimal=",")
    return folder / "log.csv"


@writer
def commented_columns(folder):
    table = run()
    rows = ["# trained on two machines", "# epoch train_loss train_acc val_loss val_acc lr"]
    return lines(folder, "log.dat", rows + [" ".join(f"{v:>12}" for v in row) for row in table.to_numpy()])


@writer
def markdown(folder):
    table = run()
    rows = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    return lines(folder, "log.md", rows + ["| " + " | ".join(map(str, row)) + " |" for row in table.to_numpy()])


@writer
def lightning(folder):
    """metrics.csv: rows of steps, of epochs and of evaluations take turns; epochs from 0."""
    rows = [{"epoch": e - 1, "step": s - 1, "train_loss_step": loss} for e, s, loss in minibatches(run())]
    for row in run().itertuples():
        last = {"epoch": row.epoch - 1, "step": row.epoch * STEPS - 1}
        rows.append(last | {"val_loss": row.val_loss, "val_acc": row.val_acc / 100})
        rows.append(last | {"train_loss_epoch": row.train_loss, "train_acc": row.train_acc / 100})
        rows.append({"step": (row.epoch - 1) * STEPS, "lr-SGD": row.lr})
    table = pd.DataFrame(rows).sort_values("step", kind="stable")
    table.to_csv(folder / "metrics.csv", index=False)
    return folder


@writer
def keras_csv(folder):
    table = fractions(run())
    out = pd.DataFrame({"epoch": table["epoch"] - 1, "accuracy": table["train_acc"], "loss": table["train_loss"]})
    out = out.assign(learning_rate=table["lr"], val_accuracy=table["val_acc"], val_loss=table["val_loss"])
    out.to_csv(folder / "training.log", index=False)
    return folder / "training.log"


@writer
def keras_history(folder):
    table = fractions(run()).rename(columns={"train_loss": "loss", "train_acc": "accuracy", "val_acc": "val_accuracy"})
    (folder / "history.json").write_text(json.dumps(table.drop(columns="epoch").to_dict("list")))
    return folder / "history.json"


@writer
def pandas_json(folder):
    run().drop(columns="epoch").to_json(folder / "history.json")
    return folder / "history.json"


@writer
def timm(folder):
    table = run()
    out = pd.DataFrame({"epoch": table["epoch"] - 1, "train_loss": table["train_loss"], "eval_loss": table["val_loss"]})
    out = out.assign(eval_top1=table["val_acc"], eval_top5=100 - (100 - table["val_acc"]) / 4, lr=table["lr"])
    out.to_csv(folder / "summary.csv", index=False)
    return folder


@writer
def ultralytics(folder):
    table = fractions(run())
    names = ["epoch", "train/box_loss", "train/cls_loss", "metrics/precision(B)", "metrics/mAP50(B)", "val/box_loss"]
    rows = [",".join(f"{n:>23}" for n in [*names, "lr/pg0", "lr/pg1"])]
    for r in table.itertuples():
        values = [r.epoch, r.train_loss, r.train_loss / 2, r.val_acc, r.val_acc, r.val_loss, r.lr, r.lr]
        rows.append(",".join(f"{v:>23.5g}" for v in values))
    return lines(folder, "results.csv", rows)


@writer
def wandb(folder):
    table = run()
    out = pd.DataFrame({"Step": table["epoch"] - 1})
    for name in ("train_loss", "val_acc", "lr"):
        for end in ("", "__MIN", "__MAX"):
            out[f"test-train-sweep-3 - {name.replace('_', '/')}{end}"] = table[name]
    out.to_csv(folder / "wandb_export.csv", index=False)
    return folder / "wandb_export.csv"


@writer
def mlflow(folder):
    (folder / "metrics" / "val").mkdir(parents=True)
    table = run()
    for name, target in (("train_loss", "train_loss"), ("val_acc", "val/accuracy"), ("lr", "lr")):
        rows = [f"{1_600_000_000_000 + 1000 * e} {v} {e}" for e, v in zip(table["epoch"], table[name], strict=True)]
        (folder / "metrics" / target).write_text("\n".join(rows) + "\n")
    return folder


@writer
def mlflow_csv(folder):
    table = run().melt("epoch", ["train_loss", "val_acc", "lr"], "key", "value")
    out = table.rename(columns={"epoch": "step"}).assign(run_id="ab12", timestamp=1_600_000_000)
    out[["run_id", "key", "value", "step", "timestamp"]].to_csv(folder / "export.csv", index=False)
    return folder / "export.csv"


@writer
def long_by_split(folder):
    table = run()
    parts = [
        pd.DataFrame(
            {
                "epoch": table["epoch"],
                "phase": p,
                "loss": table[f"{p}_loss"],
                "acc": table[f"{p}_acc"],
                "lr": table["lr"],
            }
        )
        for p in ("train", "val")
    ]
    pd.concat(parts).sort_values(["epoch", "phase"]).to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


@writer
def tensorboard_csv(folder):
    table = run()
    out = pd.DataFrame({"Wall time": 1.6e9 + table["epoch"], "Step": table["epoch"] - 1, "Value": table["val_acc"]})
    out.to_csv(folder / "run-.-tag-val_accuracy.csv", index=False)
    return folder / "run-.-tag-val_accuracy.csv"


@writer
def trainer_state(folder):
    history = []
    for e, s, loss in minibatches(run()):
        row = run().iloc[e - 1]
        history.append({"epoch": s / STEPS, "step": s, "loss": loss, "learning_rate": row.lr, "grad_norm": 1.0})
        if s % STEPS == 0:
            history.append(
                {"epoch": float(e), "step": s, "eval_loss": row.val_loss, "eval_accuracy": row.val_acc / 100}
            )
    history.append({"epoch": 60.0, "step": 2400, "train_loss": 0.7, "train_runtime": 100.0})
    state = {"best_metric": 0.3, "global_step": 2400, "log_history": history, "max_steps": 2400}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    return folder


@writer
def trainer_printed(folder):
    history = json.loads((trainer_state(folder) / "trainer_state.json").read_text())["log_history"]
    (folder / "trainer_state.json").unlink()
    return lines(folder, "out.txt", ["Downloading 100%|####|"] + [str(row) for row in history])


@writer
def mmengine(folder):
    rows = []
    for e, s, loss in minibatches(run()):
        row = run().iloc[e - 1]
        rows.append(
            {"lr": row.lr, "data_time": 0.1, "loss": loss, "loss_cls": loss / 2, "epoch": e, "iter": s, "step": s}
        )
        if s % STEPS == 0:
            rows.append({"accuracy/top1": row.val_acc, "accuracy/top5": 99.0, "data_time": 0.1, "step": e})
    return lines(folder, "scalars.json", map(json.dumps, rows))


@writer
def mmcv(folder):
    rows = [{"env_info": "sys.platform: linux", "seed": None}]
    for e, s, loss in minibatches(run()):
        row, within = run().iloc[e - 1], (s - 1) % STEPS + 1
        rows.append({"mode": "train", "epoch": e, "iter": within, "lr": row.lr, "memory": 900, "loss": loss})
        if within == STEPS:
            rows.append({"mode": "val", "epoch": e, "iter": 100, "lr": row.lr, "accuracy_top-1": row.val_acc / 100})
    return lines(folder, "20200101_000000.log.json", map(json.dumps, rows))


@writer
def chainer(folder):
    rows = [
        {"main/loss": r.train_loss, "main/accuracy": r.train_acc / 100, "validation/main/loss": r.val_loss,
         "validation/main/accuracy": r.val_acc / 100, "lr": r.lr, "epoch": r.epoch, "iteration": r.epoch * STEPS}
        for r in run().itertuples()
    ]  # fmt: skip
    (folder / "log").write_text(json.dumps(rows, indent=1))
    return folder / "log"


def record(content):
    """A record of an event file, with checksums left at zero."""
    return struct.pack("<QI", len(content), 0) + content + b"\0\0\0\0"


def event_file(path, scalars):
    """TensorBoard events: (tag, step, value) in order."""
    from tensorboard.compat.proto.event_pb2 import Event

    path.parent.mkdir(parents=True, exist_ok=True)
    out = [record(Event(wall_time=1.6e9, file_version="brain.Event:2").SerializeToString())]
    for place, (tag, step, value) in enumerate(scalars):
        event = Event(wall_time=1.6e9 + place, step=step)
        event.summary.value.add(tag=tag, simple_value=value)
        out.append(record(event.SerializeToString()))
    path.write_bytes(b"".join(out))
    return path


@writer
def tensorboard(folder):
    scalars = [("Loss/train", s, loss) for _, s, loss in minibatches(run())]
    scalars += [
        (t, r.epoch * STEPS, v) for r in run().itertuples() for t, v in (("Accuracy/val", r.val_acc), ("lr", r.lr))
    ]
    event_file(folder / "events.out.tfevents.1600000000.host", sorted(scalars, key=lambda x: x[1]))
    return folder


@writer
def tensorboard_keras(folder):
    rows = list(fractions(run()).itertuples())
    train = [(t, r.epoch - 1, v) for r in rows for t, v in (("epoch_loss", r.train_loss), ("epoch_lr", r.lr))]
    event_file(folder / "train" / "events.out.tfevents.1.host.v2", train)
    held = [(t, r.epoch - 1, v) for r in rows for t, v in (("epoch_loss", r.val_loss), ("epoch_accuracy", r.val_acc))]
    event_file(folder / "validation" / "events.out.tfevents.2.host.v2", held)
    return folder


@writer
def tensorboard_two_clocks(folder):
    """Training by step, evaluation by epoch from 0, as many scripts write it."""
    scalars = [("train/loss", s, loss) for _, s, loss in minibatches(run())]
    scalars += [(t, r.epoch - 1, v) for r in run().itertuples() for t, v in (("test/acc", r.val_acc), ("lr", r.lr))]
    return event_file(folder / "events.out.tfevents.1600000000.host", scalars)


@writer
def tensorboard_resumed(folder):
    """Two files: the second goes on from epoch 20, which the first had passed."""
    rows = [("test_acc", r.epoch, r.val_acc) for r in run().itertuples()]
    rates_ = [("lr", r.epoch, r.lr) for r in run().itertuples()]
    both = sorted(rows + rates_, key=lambda x: x[1])
    event_file(folder / "events.out.tfevents.1600000000.a", [x for x in both if x[1] <= 23])
    event_file(folder / "events.out.tfevents.1600000900.b", [x for x in both if x[1] > 20])
    return folder


@writer
def caffe(folder):
    rows, old = ["I1019 01:43:20.974601 14773 solver.cpp:44] Initializing solver", "base_lr: 0.1"], None
    for e, s, loss in minibatches(run()):
        row = run().iloc[e - 1]
        head = "I1019 01:43:26.623975 14773"
        if s % STEPS == STEPS // 4 and e > 1:
            rows.append(f"{head} solver.cpp:330] Iteration {(e - 1) * STEPS}, Testing net (#0)")
            rows.append(f"{head} solver.cpp:397]     Test net output #0: accuracy = {old.val_acc / 100}")
            rows.append(
                f"{head} solver.cpp:397]     Test net output #1: loss = {old.val_loss} (* 1 = {old.val_loss} loss)"
            )
        rows.append(f"{head} solver.cpp:218] Iteration {s} (5.0 iter/s, 19.8s/10 iters), loss = {loss:.5f}")
        rows.append(f"{head} solver.cpp:237]     Train net output #0: loss = {loss:.5f} (* 1 = {loss:.5f} loss)")
        rows.append(f"{head} sgd_solver.cpp:105] Iteration {s}, lr = {row.lr:g}")
        old = row
    rows.append(f"{head} solver.cpp:330] Iteration {EPOCHS * STEPS}, Testing net (#0)")
    rows.append(f"{head} solver.cpp:397]     Test net output #0: accuracy = {old.val_acc / 100}")
    return lines(folder, "caffe.log", rows)


@writer
def torch7_logger(folder):
    rows = ["% mean class accuracy (train set)\t% mean class accuracy (test set)\tlr"]
    return lines(
        folder, "test.log", rows + [f" {r.train_acc:.4e}\t {r.val_acc:.4e}\t {r.lr:.4e}" for r in run().itertuples()]
    )


@writer
def pytorch_examples(folder):
    rows = ["=> creating model 'resnet18'"]
    for r in run().itertuples():
        for b in (0, 20):
            acc, avg = 100 - (100 - r.train_acc) * 1.1, r.train_acc
            rows.append(
                f"Epoch: [{r.epoch - 1}][{b:>3}/40]\tTime  0.1 ( 0.2)\tData  0.0 ( 0.1)\tLoss {r.train_loss * 1.1:.4e} "
                f"({r.train_loss:.4e})\tAcc@1  {acc:.2f} ( {avg:.2f})\tAcc@5  98.00 ( 97.00)"
            )
        rows.append(
            f"Test: [ 0/10]\tTime  0.1 ( 0.2)\tLoss {r.val_loss:.4e} ({r.val_loss:.4e})\tAcc@1  {r.val_acc:.2f} "
            f"( {r.val_acc:.2f})"
        )
        rows.append(f" * Acc@1 {r.val_acc:.3f} Acc@5 98.000")
    return lines(folder, "train.out", rows)


@writer
def keras_console(folder):
    rows = []
    for r in fractions(run()).itertuples():
        rows += [f"Epoch {r.epoch}/60", ""]
        states = [
            f"{k}/40 [====>....] - ETA: {40 - k}s - loss: {r.train_loss * (1 + 1 / k):.4f} - accuracy: 0.1"
            for k in (1, 20)
        ]
        last = (
            f"40/40 [==============================] - 8s 5ms/step - loss: {r.train_loss:.4f} - accuracy: "
            f"{r.train_acc:.4f} - val_loss: {r.val_loss:.4f} - val_accuracy: {r.val_acc:.4f} - lr: {r.lr:g}"
        )
        rows[-1] = "\r".join(["", *states, "\x1b[1m" + last + "\x1b[0m"])
    return lines(folder, "nohup.out", rows)


@writer
def tqdm_console(folder):
    rows = []
    for r in run().itertuples():
        states = [
            f"Epoch {r.epoch}: {k * 25}%|###| {k * 10}/40 [00:0{k}<00:01, loss={r.train_loss * (2 - k / 4):.3f}]"
            for k in (1, 2, 4)
        ]
        rows += [
            "\r" + "\r".join(states),
            f"epoch {r.epoch} done. val loss={r.val_loss:.4f}, val acc={r.val_acc:.2f}% lr={r.lr:g}",
        ]
    return lines(folder, "out.log", rows)


@writer
def kuangliu(folder):
    """pytorch-cifar: two unnamed bars an epoch; the longer one is training."""
    rows = []
    for r in run().itertuples():
        rows += [
            f"Epoch: {r.epoch - 1}",
            f" [====>]  Step: 5ms | Tot: 9s | Loss: {r.train_loss:.3f} | Acc: {r.train_acc:.3f}% (30060/50000) 391/391",
            f" [=====>]  Step: 20ms | Tot: 2s | Loss: {r.val_loss:.3f} | Acc: {r.val_acc:.3f}% (8000/10000) 100/100 ",
        ]
    return lines(folder, "log.txt", rows)


@writer
def swin(folder):
    rows = []
    head = "[2021-05-01 10:00:00 swin_tiny](main.py 170): INFO"
    for r in run().itertuples():
        rows += [
            f"{head} Train: [{r.epoch - 1}/60][{b}/40]\teta 0:30:01 lr {r.lr:.6f}\ttime 1.0 (1.1)\tloss "
            f"{r.train_loss * 1.1:.4f} ({r.train_loss:.4f})\tgrad_norm 2.1 (2.2)\tmem 9000MB"
            for b in (0, 20)
        ]
        rows.append(
            f"{head} Test: [0/10]\tTime 1.0 (1.0)\tLoss {r.val_loss:.4f} ({r.val_loss:.4f})\tAcc@1 {r.val_acc:.3f} "
            f"({r.val_acc:.3f})"
        )
        rows += [f"{head}  * Acc@1 {r.val_acc:.3f} Acc@5 98.000", f"{head} Max accuracy: {99.0:.2f}%"]
    return lines(folder, "log_rank0.txt", rows)


@writer
def fairseq(folder):
    rows = []
    for r in run().itertuples():
        rows += [
            f"| epoch {r.epoch:03d} | loss {r.train_loss} | nll_loss {r.train_loss * 0.9:.4f} | ppl 9.1 | wps 1000 "
            f"| num_updates {r.epoch * 40} | lr {r.lr:g}",
            f"| epoch {r.epoch:03d} | valid on 'valid' subset | loss {r.val_loss} | nll_loss {r.val_loss * 0.9:.4f} "
            f"| ppl 9.9",
        ]
    return lines(folder, "train.log", rows)


@writer
def mxnet(folder):
    rows = []
    for r in fractions(run()).itertuples():
        rows += [
            f"INFO:root:Epoch[{r.epoch - 1}] Batch [{b}]\tSpeed: 1000.12 samples/sec\taccuracy=0.5" for b in (50, 100)
        ]
        rows += [
            f"INFO:root:Epoch[{r.epoch - 1}] Train-accuracy={r.train_acc:.5f}",
            f"INFO:root:Epoch[{r.epoch - 1}] Time cost=10.1",
            f"INFO:root:Update[{r.epoch * 40}]: now learning rate is {r.lr:g}",
            f"INFO:root:Epoch[{r.epoch - 1}] Validation-accuracy={r.val_acc:.5f}",
        ]
    return lines(folder, "log", rows)


@writer
def nested_json(folder):
    table = run()
    nested = {p: {"loss": list(table[f"{p}_loss"]), "acc": list(table[f"{p}_acc"])} for p in ("train", "val")}
    (folder / "results.json").write_text(json.dumps({"args": {"lr": 0.1}, "log": nested | {"lr": list(table["lr"])}}))
    return folder / "results.json"


@writer
def keyed_json(folder):
    rows = {
        f"epoch_{r.epoch}": {"train": {"loss": r.train_loss}, "test": {"acc": r.val_acc}, "lr": r.lr}
        for r in run().itertuples()
    }
    (folder / "log.json").write_text(json.dumps(rows))
    return folder / "log.json"


@writer
def plateau_messages(folder):
    """No learning rate but in the messages of ReduceLROnPlateau, at the end of an epoch."""
    rows = []
    for r in run().itertuples():
        rows += [f"Epoch {r.epoch}/60", f"loss: {r.train_loss} - val_loss: {r.val_loss} - val_acc: {r.val_acc}"]
        if r.epoch in MILESTONES:
            rows.append(f"Epoch {r.epoch:05d}: ReduceLROnPlateau reducing learning rate to {rates()[r.epoch]:.4g}.")
    return lines(folder, "log.txt", rows)


@writer
def configured(folder):
    """The learning rate stands nowhere but in the configuration."""
    rows = ["Namespace(arch='resnet20', lr=0.1, milestones=[25, 45], gamma=0.1, epochs=60)"]
    rows += [f"[{r.epoch}] train loss: {r.train_loss}, test acc: {r.val_acc}%" for r in run().itertuples()]
    return lines(folder, "log.txt", rows)


@writer
def lists_in_text(folder):
    table = run()
    rows = [
        "done",
        f"train_loss = {list(map(float, table['train_loss']))}",
        f"test_acc: {list(map(float, table['val_acc']))}",
    ]
    return lines(folder, "out.txt", [*rows, f"lrs = {list(map(float, table['lr']))}", "saved model"])


@writer
def headings(folder):
    """Results on lines of their own under a heading, the number of the epoch after them."""
    rows = []
    for r in run().itertuples():
        rows += [
            "Training",
            f"  loss = {r.train_loss}",
            "Validation:",
            f"  loss = {r.val_loss}, accuracy = {r.val_acc}%",
        ]
        rows.append(f"learning rate: {r.lr:g}")
        rows.append(f"--- end of epoch {r.epoch} ---")
    return lines(folder, "log.txt", rows)


WITHOUT_RATE = (tensorboard_csv, pytorch_examples, kuangliu)

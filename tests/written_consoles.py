"""The run of `written_logs` as more programs print it: mmengine, MoCo, torchvision, fb.resnet.torch, distiller, ESPnet,
MLPerf, DLLogger, sacred. Importing this adds them to its list."""

import json

import written_logs
from written_logs import fractions, lines, run, writer


@writer
def mmengine_console(folder):
    rows = ["2023/03/01 10:00:00 - mmengine - INFO - Config:", "train_cfg = dict(by_epoch=True, max_epochs=60)"]
    head = "2023/03/01 10:00:01 - mmengine - INFO - Epoch"
    for r in run().itertuples():
        rows += [
            f"{head}(train)  [{r.epoch:2d}][{b}/40]  lr: {r.lr:.4e}  eta: 0:30:00  time: 0.01  loss: {r.train_loss}"
            for b in (20, 40)
        ]
        rows.append(f"{head}(val) [{r.epoch}][79/79]    accuracy/top1: {r.val_acc}  accuracy/top5: 98.0  time: 0.02")
    return lines(folder, "20230301.log", rows)


@writer
def moco(folder):
    """Numbers padded with blanks, as the present pytorch/examples pads them; what stands last in a test counts."""
    rows = []
    for r in run().itertuples():
        rows += [
            f"Epoch: [{r.epoch - 1}][{b:4d}/5004]\tTime  0.301 ( 0.310)\tLoss {r.train_loss:.4e} ({r.train_loss:.4e})\t"
            f"Acc@1 {r.train_acc:6.2f} ({r.train_acc:6.2f})\tLR {r.lr:g}"
            for b in (0, 1000)
        ]
        rows.append("Test: [ 10/196]\tAcc@1  50.00 ( 50.00)\tAcc@5  90.00 ( 90.00)")
        rows.append(f" *   Acc@1 {r.val_acc:.3f} Acc@5 98")
    return lines(folder, "moco.log", rows)


@writer
def torchvision_reference(folder):
    rows = []
    for r in run().itertuples():
        rows += [
            f"Epoch: [{r.epoch - 1}]  [{b:2d}/40]  eta: 0:01:00  lr: {r.lr:g}  img/s: 300.1  loss: {r.train_loss:.4f} "
            f"({r.train_loss:.4f})  acc1: {r.train_acc:.4f} ({r.train_acc:.4f})  time: 0.1  max mem: 3000"
            for b in (0, 20)
        ]
        rows += [
            f"Epoch: [{r.epoch - 1}] Total time: 0:01:40",
            "Test:  [ 0/79]  eta: 0:00:20  loss: 0.5 (0.5)  acc1: 70.0 (70.0)  acc5: 90.0 (90.0)  time: 0.1",
            "Test: Total time: 0:00:05",
            f"Test:  Acc@1 {r.val_acc:.3f} Acc@5 98.000",
        ]
    return lines(folder, "slurm-1.out", rows)


@writer
def fb_resnet_torch(folder):
    """`Err` is the loss and `top1` the error."""
    rows = []
    for r in run().itertuples():
        err, train = 100 - r.val_acc, 100 - r.train_acc
        rows += [
            f" | Epoch: [{r.epoch}][{b}/40]    Time 0.135  Data 0.01  Err {r.train_loss:1.4f}  top1 {train:7.3f}  top5 "
            f"{train / 2:7.3f}"
            for b in (1, 40)
        ]
        rows += [
            f" | Test: [{r.epoch}][79/79]    Time 0.05  Data 0  top1 {err + 1:7.3f} ({err:7.3f})  top5   1.0 (  1.0)",
            f" * Finished epoch # {r.epoch}     top1: {err:7.3f}  top5:   1.000",
        ]
    return lines(folder, "resnet.log", rows)


@writer
def distiller(folder):
    rows, head = [], "2018-04-04 21:30:52,499 - "
    for r in run().itertuples():
        rows += [
            head + "Training epoch: 45000 samples (256 per mini-batch)",
            head + f"Epoch: [{r.epoch - 1}][   20/   40]    Overall Loss {r.train_loss}    Top1 {r.train_acc}    "
            f"LR {r.lr:g}    Time 0.2",
            head + f"--- validate (epoch={r.epoch - 1})-----------",
            head + "5000 samples (256 per mini-batch)",
            head + f"==> Top1: {r.val_acc}    Top5: 98.0    Loss: {r.val_loss}",
            head + f"==> Best [Top1: 90.0   Top5: 99.0   on epoch: {r.epoch - 1}]",
        ]
    return lines(folder, "distiller.log", rows)


@writer
def espnet(folder):
    head = "[host] 2021-01-01 10:00:00,000 (trainer:328) INFO: "
    rows = []
    for r in fractions(run()).itertuples():
        rows += [
            head + f"{r.epoch}/60epoch started. Estimated time to finish: 1 hour",
            head + f"{r.epoch}epoch results: [train] loss={r.train_loss}, acc={r.train_acc}, lr_0={r.lr:.3e}, time=1 "
            f"minute, [valid] loss={r.val_loss}, acc={r.val_acc:.5f}, time=10 seconds, total_count=100",
        ]
    return lines(folder, "train.log", rows)


@writer
def rate_printed_last(folder):
    """The rate of an epoch stands below its results; numbers as numpy shows them."""
    rows = []
    for r in run().itertuples():
        rows += [f"Epoch [{r.epoch}/60]", f"  Train Loss: np.float64({r.train_loss}) | Val Acc: {r.val_acc:.2f}%"]
        rows += [f"  Learning Rate: {r.lr:g}", "-" * 40]
    return lines(folder, "log.txt", rows)


@writer
def names_with_blanks(folder):
    rows = ["       epoch           lr   train loss    valid acc   total time"]
    rows += [f"{r.epoch:12d} {r.lr:12.4f} {r.train_loss:12.4f} {r.val_acc:12.4f} {9:12d}" for r in run().itertuples()]
    return lines(folder, "log.txt", rows)


@writer
def mlperf(folder):
    """A record per value, each with its key; the rate among them."""
    rows = []
    for r in fractions(run()).itertuples():
        for key, value in (("opt_learning_rate", r.lr), ("eval_accuracy", r.val_acc)):
            event = {"namespace": "", "key": key, "value": round(value, 7), "metadata": {"epoch_num": r.epoch}}
            rows.append(f":::MLLOG {json.dumps(event)}")
    return lines(folder, "result_0.txt", rows)


@writer
def dllogger(folder):
    rows = []
    for r in run().itertuples():
        for step, data in (
            ([r.epoch - 1, 20], {"train.loss": r.train_loss, "lr": [r.lr, r.lr]}),
            ([r.epoch - 1], {"val.top1": r.val_acc, "val.loss": r.val_loss}),
        ):
            rows.append(f"DLLL {json.dumps({'timestamp': '1600', 'type': 'LOG', 'step': step, 'data': data})}")
    return lines(folder, "raport.json", rows)


@writer
def sacred(folder):
    table = run()
    curves = {"train.loss": "train_loss", "test.acc": "val_acc", "lr": "lr"}
    clock = {"steps": list(range(1, 61)), "timestamps": ["2020-01-01"] * 60}
    told = {name: clock | {"values": list(table[column])} for name, column in curves.items()}
    return lines(folder, "metrics.json", [json.dumps(told)])


@writer
def lists_by_epoch_and_by_step(folder):
    table = run()
    told = {
        "lr": [float(rate) for rate in table["lr"] for _ in range(40)],
        "train_loss": [float(loss) + wiggle for loss in table["train_loss"] for wiggle in (-0.01, 0.01)],
        "val_acc": list(table["val_acc"]),
    }
    return lines(folder, "history.json", [json.dumps(told)])


written_logs.WITHOUT_RATE += (fb_resnet_torch,)

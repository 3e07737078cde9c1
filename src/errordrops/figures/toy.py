"""The noisy quadratic with momentum, to play with: when and how the noise is cut, and what it predicts."""

from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..analysis import noisy_quadratic as toy
from ..study.settings import stability_limit
from . import parts, theme, words

CURVATURES = np.array([float(f"{h:.3g}") for h in np.geomspace(1e-3, 5, 14)])
RATE, MOMENTUM, UPDATES, EPOCHS = 0.05, 0.9, 300, 30
# Noise variance s = NOISE h, in the unit in which excess loss at rest before the change is 1.
NOISE = float(f"{1 / toy.rest_excess(CURVATURES, CURVATURES, RATE, MOMENTUM):.4g}")
START = 1.0  # loss of each direction above rest before the first update
CHANGED, SAME = "with the change", "without"
LOOKS = {CHANGED: (theme.COLOURS[0], [1, 0], "circle"), SAME: (theme.GREY, theme.CONTROL_DASH, "triangle-up")}
HEIGHT = 340
NUMPY = SimpleNamespace(
    max=np.maximum, min=np.minimum, sqrt=np.sqrt, pow=np.power, acos=np.arccos, sin=np.sin, floor=np.floor, if_=np.where
)


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """Excess loss of the toy model by epoch for the sliders' milestone and factors, beside no change."""
    summary = tables["mechanism_summary"]
    if summary.empty:
        return parts.note("This study probes no checkpoints")
    settings = sliders()
    chart = alt.layer(*layers(settings)).properties(width=parts.WIDTH, height=HEIGHT, name="toy")
    chart = parts.finish(chart.add_params(*settings.values()), *text(measured(summary)))
    chart.usermeta = chart.usermeta | {"rows": "drawn"}  # its data are computed from the sliders
    return chart


def sliders() -> dict[str, alt.Parameter]:
    """The three things to choose."""
    asked = {
        "milestone": (1, EPOCHS - 1, 10, "Change after epoch: "),
        "rate_factor": (1, 20, 10, "Learning rate divided by: "),
        "batch_factor": (1, 20, 1, "Batch multiplied by: "),
    }
    return {
        name: alt.param(name=name, value=value, bind=alt.binding_range(min=low, max=high, step=1, name=label))
        for name, (low, high, value, label) in asked.items()
    }


# The functions from here to `excess` are the formula. Given `alt.expr` and `alt.datum` they write it as Vega
# expressions, given NUMPY and numbers they evaluate it. Moments are E x^2, E x v, E v^2 of the last step v = -a b, with
# the buffer b of analysis/noisy_quadratic.py; where the rate changes, v is scaled with it, as b holds no rate.


def rest(h, rate, batch_factor):
    """E x^2 at rest, as in toy.rest_variance, with noise variance NOISE h / batch_factor."""
    return rate * (NOISE / batch_factor) * (1 + MOMENTUM) / (1 - MOMENTUM) / (2 * (1 + MOMENTUM) - rate * h)


def rest_speed(h, rate, batch_factor, x2):
    """E v^2 at rest where E x^2 is `x2`; E x v is half of it, since E x^2 stays the same over an update."""
    pushed = rate * rate * h * (h * x2 + NOISE / batch_factor)
    return pushed / (1 - MOMENTUM**2 + MOMENTUM * rate * h)


def wave(h, rate, n, f):
    """w(n) = (r^n - q^n) / (r - q) of the roots r, q of z^2 - (1 + m - a h) z + m.

    Powers of one update B of the means of (x, v) are B^n = w(n) B - m w(n - 1).
    """
    half = (1 + MOMENTUM - rate * h) / 2
    gap = f.sqrt(f.max(half * half - MOMENTUM, 1e-12))
    real = (f.pow(half + gap, n) - f.pow(half - gap, n)) / (gap * 2)
    angle = f.acos(f.max(f.min(half / MOMENTUM**0.5, 0.999999), -0.999999))
    turning = f.pow(MOMENTUM**0.5, n - 1) * f.sin(angle * n) / f.sin(angle)
    return f.if_(half * half > MOMENTUM, real, turning)


def excess(place, f, milestone, rate_factor, batch_factor) -> dict:
    """Steps of the formula at `place.h` and `place.epoch`, in order; `loss` is excess loss, and before and after
    at rest. Later steps use earlier ones.

    Distances of the moments from rest shrink by powers of one update: 0 before the milestone, 1 after it.
    """
    rates, batches, m = (RATE, RATE / rate_factor), (1, batch_factor), MOMENTUM
    steps = {
        "n0": lambda: f.min(place.epoch, milestone) * UPDATES,
        "n1": lambda: f.max(place.epoch - milestone, 0) * f.floor(UPDATES / batch_factor),
    }

    def of_phase(i: int) -> dict:
        return {
            f"rest{i}": lambda: rest(place.h, rates[i], batches[i]),
            f"speed{i}": lambda: rest_speed(place.h, rates[i], batches[i], getattr(place, f"rest{i}")),
            f"wave{i}": lambda: wave(place.h, rates[i], getattr(place, f"n{i}"), f),
            f"last{i}": lambda: wave(place.h, rates[i], getattr(place, f"n{i}") - 1, f) * m,
            f"xx{i}": lambda: getattr(place, f"wave{i}") * (1 - rates[i] * place.h) - getattr(place, f"last{i}"),
            f"xv{i}": lambda: getattr(place, f"wave{i}") * m,
        }

    return steps | of_phase(0) | of_phase(1) | {
        "vx": lambda: place.wave0 * place.h * -RATE,
        "vv": lambda: place.wave0 * m - place.last0,
        "d": lambda: 2 * START / place.h,  # E x^2 above rest at the start; at velocity zero
        "s": lambda: -place.speed0,
        # moments at the milestone, the step there taken at the new rate, less those of the new rest
        "dxx": lambda: place.rest0 - place.rest1
        + (place.xx0 * place.xx0 * place.d + place.xx0 * place.xv0 * place.s + place.xv0 * place.xv0 * place.s),
        "xv": lambda: place.speed0 / 2
        + (place.xx0 * place.vx * place.d + (place.xx0 * place.vv + place.xv0 * place.vx) * place.s / 2)
        + place.xv0 * place.vv * place.s,
        "vvv": lambda: place.speed0
        + (place.vx * place.vx * place.d + place.vx * place.vv * place.s + place.vv * place.vv * place.s),
        "dxv": lambda: place.xv * (rates[1] / RATE) - place.speed1 / 2,
        "dvv": lambda: place.vvv * (rates[1] / RATE) * (rates[1] / RATE) - place.speed1,
        "x2": lambda: place.rest1
        + (place.xx1 * place.xx1 * place.dxx + 2 * place.xx1 * place.xv1 * place.dxv)
        + place.xv1 * place.xv1 * place.dvv,
        "loss": lambda: place.h * place.x2 / 2,
        "loss_before": lambda: place.h * place.rest0 / 2,
        "loss_after": lambda: place.h * place.rest1 / 2,
    }  # fmt: skip


def curve(milestone: int, rate_factor: float, batch_factor: float) -> np.ndarray:
    """The formula in numbers: excess loss after 0, 1, ... EPOCHS epochs."""
    place = SimpleNamespace(h=CURVATURES[:, None], epoch=np.arange(EPOCHS + 1)[None, :])
    for name, step in excess(place, NUMPY, milestone, rate_factor, batch_factor).items():
        setattr(place, name, step())
    return place.loss.sum(axis=0)


def exact(milestone: int, rate_factor: float, batch_factor: int) -> np.ndarray:
    """The same from toy.excess_curve; an epoch has UPDATES // batch_factor updates."""
    noise = NOISE * CURVATURES
    start = toy.rest_variance(CURVATURES, noise, RATE, MOMENTUM) + 2 * START / CURVATURES
    own, left = UPDATES // batch_factor, EPOCHS - milestone
    stretches = [
        toy.Stretch(milestone * UPDATES, RATE, MOMENTUM),
        toy.Stretch(left * own, RATE / rate_factor, MOMENTUM, batch_factor),
    ]
    losses = toy.excess_curve(CURVATURES, noise, start, stretches)
    return losses[[*range(0, milestone * UPDATES, UPDATES), *range(milestone * UPDATES, len(losses), own)]]


def modelled(rows: pd.DataFrame, factors: tuple, milestone) -> alt.Chart:
    """A chart of the rows (h, epoch) with the steps of the formula as columns."""
    chart = alt.Chart(rows)
    for name, step in excess(alt.datum, alt.expr, milestone, *factors).items():
        made = step().to_dict()  # of an operation on a parameter it is {"expr": ...}, of any other the expression
        chart = chart.transform_calculate(**{name: made if isinstance(made, str) else made["expr"]})
    return chart


def layers(settings: dict[str, alt.Parameter]) -> list[alt.Chart]:
    """Line and points without and with the change, the rule at the milestone, and the predicted ratio."""
    grid = pd.DataFrame([(float(h), epoch) for epoch in range(EPOCHS + 1) for h in CURVATURES], columns=["h", "epoch"])
    names = list(LOOKS)
    colours, dashes = (alt.Scale(domain=names, range=[LOOKS[n][which] for n in names]) for which in range(2))
    key = alt.Legend(title=None, orient="bottom", labelLimit=0, symbolType="stroke", symbolSize=500, symbolOpacity=1)
    look = {
        "color": alt.Color("line:N", scale=colours, legend=key),
        "strokeDash": alt.StrokeDash("line:N", scale=dashes, legend=key),
    }
    axis = alt.Axis(grid=False, tickMinStep=1)
    x = alt.X("epoch:Q", title="Epochs completed", axis=axis, scale=alt.Scale(domain=[0, EPOCHS], nice=False))
    ticks = alt.Axis(values=[0.001, 0.01, 0.1, 1, 10], format="~g")
    high = alt.Scale(type="log", domain=[0.001, 20], nice=False)
    y = alt.Y("excess:Q", title="Expected excess loss (1 = at rest before the change)", axis=ticks, scale=high)
    tips = [alt.Tooltip("line:N", title="line"), alt.Tooltip("epoch:Q", title="epochs completed"),
            alt.Tooltip("excess:Q", title="excess loss", format=".3~g")]  # fmt: skip
    drawn, factors = [], (settings["rate_factor"], settings["batch_factor"])
    for name, line, own in (("same", SAME, (1, 1)), ("changed", CHANGED, factors)):
        base = modelled(grid, own, settings["milestone"])
        base = base.transform_aggregate(excess="sum(loss)", groupby=["epoch"]).transform_calculate(line=f"'{line}'")
        dot: dict[str, Any] = {"color": LOOKS[line][0], "shape": LOOKS[line][2]}
        marks = base.mark_point(filled=True, size=26, opacity=1, clip=True, **dot)
        drawn.append(base.mark_line(clip=True, strokeWidth=2).encode(x, y, **look).properties(name=f"line_{name}"))
        drawn.append(marks.encode(x, y, tooltip=tips).properties(name=f"ends_{name}"))
    rule = alt.Chart(pd.DataFrame({"m": [0]})).transform_calculate(m="milestone")
    rule = rule.mark_rule(**parts.MILESTONE).encode(x=alt.X("m:Q"))
    spectrum = modelled(grid[grid["epoch"] == 0], factors, settings["milestone"])
    ratio = spectrum.transform_aggregate(after="sum(loss_after)", before="sum(loss_before)").transform_calculate(
        text="'At rest, excess loss after / before: ' + format(datum.after / datum.before, '.3~g')"
    )
    mark: dict[str, Any] = {"align": "right", "baseline": "top", "fontSize": 13, "style": "guide-label"}
    words_ratio = ratio.mark_text(**mark).encode(
        x=alt.value(parts.WIDTH - 4), y=alt.value(4), text="text:N"
    )  # fmt: skip
    return [*drawn, rule.properties(name="rule"), words_ratio.properties(name="ratio")]


def measured(summary: pd.DataFrame) -> list[str]:
    """`step 0.12 (0.10 to 0.14), predicted 0.1`, one for each arm with a measured ratio of excess losses."""
    ratios = []
    for arm, rows in summary.assign(arm=summary["arm"].astype(str)).groupby("arm", sort=False):
        rows = rows.dropna(subset=["value"]).drop_duplicates("quantity").set_index("quantity")
        if "excess_ratio" not in rows.index:
            continue
        own = rows.loc["excess_ratio"]
        interval = (
            "" if pd.isna(own["value_low"]) else f", 95 % {number(own['value_low'])} to {number(own['value_high'])}"
        )
        model = f"; predicted {number(rows.loc['toy_ratio', 'value'])}" if "toy_ratio" in rows.index else ""
        ratios.append(f"{arm} {number(own['value'])} ({words.count(int(own['n']), 'seed')}{interval}{model})")
    return ratios


def number(value: float) -> str:
    """Two decimals with a true minus sign."""
    return f"{round(float(value), 2) + 0.0:.2f}".replace("-", "−")


def text(ratios: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    title = "A model to play with: less noise lets the excess loss of a noisy quadratic fall to a lower rest"
    subtitle = ["Model, not measured: move the sliders below for the change of rate or batch and its date"]
    subtitle += [f"Measured ratio in this study: {'; '.join(ratios)}"] if ratios else []
    share = CURVATURES[-1] / stability_limit(RATE, MOMENTUM)
    low, high = f"{CURVATURES[0]:g}", f"{CURVATURES[-1]:g}"
    caption = (
        f"Noisy quadratic under SGD with momentum: {len(CURVATURES)} directions, curvatures h from {low} to {high}, "
        f"evenly spaced in their logarithm, the largest {100 * share:.0f} % of what is stable; learning rate {RATE:g}, "
        f"momentum {MOMENTUM:g}, {UPDATES} updates an epoch "
        "(after the change divided by the batch factor, rounded down). Noise variance of the gradient: proportional "
        "to h (divided by the batch factor), scaled so that excess loss at rest is 1. Each direction starts "
        f"{START:g} above rest. Levels at rest and the approach to them are exact at ends of epochs (by powers of one "
        "update's matrix; Python's toy.excess_curve gives the same at every update). As in torch, the momentum buffer "
        "sums gradients and holds no rate, so a cut of the rate shortens the very next step."
    )
    if ratios:
        caption += (
            " Measured ratios: loss of the weights less that of their average, later after the change over before; "
            "predicted: by this model's levels at rest from curvature and noise along the leading directions."
        )
    default = curve(10, 10, 1)
    ratio = np.sum(CURVATURES * rest(CURVATURES, RATE / 10, 1)) / np.sum(CURVATURES * rest(CURVATURES, RATE, 1))
    alt_text = (
        f"Lines of the modelled excess loss against epochs 0 to {EPOCHS}, on a logarithmic axis. With the rate "
        f"divided by 10 after epoch 10 it goes from {default[10]:.2f} at epoch 10 to {default[11]:.2f} at epoch 11 and "
        f"{default[-1]:.2f} at the end; without, to {curve(10, 1, 1)[-1]:.2f}. Predicted ratio at rest {ratio:.3f}."
    )
    alt_text += f" Measured ratio in this study: {'; '.join(ratios)}." if ratios else ""
    return title, subtitle, caption, alt_text

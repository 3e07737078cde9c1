"""How figures look: one Altair theme, colours and dashes of arms, and the files made from a specification.

The page shows the same charts on white and, re-embedded with `{theme: "dark"}`, on near-black. A chart's
own config wins over that theme, so text colours are left unset here and everything that is set (lines, greys,
arms) has a contrast of at least 3 to both backgrounds.
"""

from types import ModuleType
from typing import Any

import altair as alt

from ..errors import UserError

FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
GREY = "#808080"
FAINT = "rgba(128,128,128,0.22)"

# Hues that colour-blind readers can tell apart, of middle lightness; used up, they return with other dashes.
COLOURS = ("#1478c8", "#d55e00", "#0a9472", "#b85cb0", "#a07800", "#6f6fe0", "#d1495b")
DASHES = ([1, 0], [7, 2], [2, 2], [9, 2, 2, 2], [4, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
CONTROL = "none"
CONTROL_DASH = [4, 3]


@alt.theme.register("errordrops", enable=False)
def errordrops() -> alt.theme.ThemeConfig:
    """Transparent, sans-serif, few lines."""
    label: Any = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "config": {
            "background": "transparent",
            "font": FONT,
            "view": {"stroke": None},
            "title": {
                "anchor": "start",
                "font": FONT,
                "fontSize": 15,
                "fontWeight": 600,
                "subtitleFont": FONT,
                "subtitleFontSize": 12,
                "subtitlePadding": 5,
                "lineHeight": 19,
                "subtitleLineHeight": 16,
                "offset": 12,
            },
            "axis": label
            | {
                "titleFontWeight": "normal",
                "domainColor": GREY,
                "tickColor": GREY,
                "gridColor": FAINT,
                "tickSize": 4,
                "labelOverlap": "greedy",
                "labelFlush": False,
            },
            "legend": label | {"titleFontWeight": "normal", "labelLimit": 180, "symbolStrokeWidth": 2.5, "offset": 8},
            "header": label,
            "text": {"fontSize": 11, "font": FONT},
        }
    }


def style(arms: list[str], arm: str) -> tuple[str, list[int], str]:
    """Colour, dash and symbol of an arm, by its place among the arms of the study; `none` is grey."""
    if arm == CONTROL:
        return GREY, CONTROL_DASH, "triangle-left"
    place = [name for name in arms if name != CONTROL].index(arm)
    return COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)], SHAPES[place % len(SHAPES)]


def specification(chart: alt.TopLevelMixin) -> dict:
    """The chart as Vega-Lite with the theme in it."""
    with alt.theme.enable("errordrops"):
        return chart.to_dict()


def still(spec: dict) -> dict:
    """The specification without the invisible marks that carry tooltips: they would only swell a picture."""
    out = dict(spec)
    for key in ("layer", "vconcat", "hconcat", "concat"):
        if key in out:
            out[key] = [still(part) for part in out[key] if not _unseen(part)]
    return out


def _unseen(part: dict) -> bool:
    return isinstance(part.get("mark"), dict) and part["mark"].get("opacity") == 0


def svg(spec: dict) -> str:
    """Picture of the default state, transparent."""
    return renderer().vegalite_to_svg(still(spec), vl_version=_version())


def png(spec: dict) -> bytes:
    """Picture of the default state on white, at twice the size."""
    return renderer().vegalite_to_png(still(spec) | {"background": "white"}, vl_version=_version(), scale=2)


def renderer() -> ModuleType:
    """vl-convert. UserError where it is not installed."""
    try:
        import vl_convert
    except ImportError as error:
        raise UserError("pictures need a package that is not installed: pip install 'errordrops[pictures]'") from error
    return vl_convert


def _version() -> str:
    """Vega-Lite version of the installed Altair, as vl-convert names it (6.1)."""
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])

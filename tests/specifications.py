"""What tests look for in a drawn figure, a Vega-Lite specification."""

import pandas as pd


def title(chart: dict) -> str:
    return " ".join(chart["title"]["text"]).replace("\u00a0", " ")


def nodes(node) -> list[dict]:
    """Every object in a specification but its data."""
    if isinstance(node, list):
        return [found for child in node for found in nodes(child)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for key, child in node.items() if key != "datasets" for found in nodes(child))]


def rows(chart: dict, view: dict) -> pd.DataFrame:
    """The data of a view of the chart."""
    return pd.DataFrame(chart["datasets"][view["data"]["name"]])


def rows_of(chart: dict, name: str) -> pd.DataFrame:
    """The data of the view of that name."""
    return rows(chart, next(n for n in nodes(chart) if str(n.get("name")).startswith(name) and "data" in n))

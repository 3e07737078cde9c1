"""Look at the results of a study yourself: python docs/read_results.py [results/quick]

Reads curves.parquet and claims.json with pandas and draws one figure with Altair. The `# %%` marks make it a notebook
in Jupyter with jupytext, in VS Code and in Spyder.
"""

# %% What there is: a table of every measurement, and a list of claims
import json
import sys
from pathlib import Path

import altair as alt
import pandas as pd

ARMS = ["none", "step", "batch"]  # names of schedules; a study file lists them all


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(curves, claims): one row for each arm, seed, epoch, split and metric; one row for each claim."""
    curves = pd.read_parquet(folder / "curves.parquet")
    claims = pd.DataFrame(json.loads((folder / "claims.json").read_text()))
    return curves, claims


# %% Test error after every epoch, averaged over seeds; the batch-norm statistics are recomputed before it is read
def test_error(curves: pd.DataFrame) -> pd.DataFrame:
    """Columns arm, epoch, error (percent): the mean over seeds."""
    chosen = curves.query("split == 'test' and metric == 'error_recomputed' and arm in @ARMS and epoch > 0")
    return chosen.groupby(["arm", "epoch"], as_index=False)["value"].mean().rename(columns={"value": "error"})


# %% The claims about drops: how much further test error fell than without the change
def drops(claims: pd.DataFrame) -> pd.DataFrame:
    """Columns id, milestone (epochs completed at the change), value and interval (points), holds."""
    about_drops = claims[claims["id"].str.fullmatch(r"(step|batch)\.m\d+\.drop")]
    return about_drops[["id", "milestone", "value", "ci_low", "ci_high", "holds"]]


# %% One figure: the curves, and a line at each change
def figure(errors: pd.DataFrame, milestones: list[int]) -> alt.LayerChart:
    lines = (
        alt.Chart(errors)
        .mark_line(interpolate="step-before")
        .encode(
            x=alt.X("epoch:Q", title="epoch"),
            y=alt.Y("error:Q", title="test error (%)", scale=alt.Scale(zero=False)),
            color=alt.Color("arm:N", sort=ARMS),
            strokeDash=alt.StrokeDash("arm:N", sort=ARMS),
        )
    )
    changes = alt.Chart(pd.DataFrame({"epoch": milestones})).mark_rule(color="gray").encode(x="epoch:Q")
    return alt.layer(changes, lines).properties(width=600, height=300)


# %% All together
def main(folder: str = "results/quick", target: str = "drops.svg") -> None:
    curves, claims = read(Path(folder))
    found = drops(claims)
    print(found.to_string(index=False))
    figure(test_error(curves), sorted(set(found["milestone"]))).save(target)
    print(f"The figure is {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])

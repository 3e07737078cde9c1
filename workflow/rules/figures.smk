# Figures: each from the tables it names, as Vega-Lite (the page draws it), SVG and PNG.


rule figure:
    input:
        lambda w: [layout(w.study).table(name) for name in FIGURES[w.figure].tables],
        modules(*[f"figures/{part}.py" for part in FIGURE_PARTS], *BASICS),
        lambda w: modules(f"figures/{FIGURES[w.figure].module}"),
    output:
        multiext(str(S.figure("{figure}")), ".json", ".svg", ".png"),
    log:
        S.root / "logs" / "figure_{figure}.log",
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        CONDA
    params:
        options=flow.options(),
    shell:
        "python -m errordrops figure {wildcards.study} {wildcards.figure} {params.options} > {log} 2>&1"

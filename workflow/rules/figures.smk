# Figures: each from the tables it names, as Vega-Lite (the page draws it), SVG and PNG.


rule figure:
    input:
        checked(lambda w: flow.figure_inputs(w.study, w.figure)),
    output:
        multiext(str(S.figure("{figure}")), ".json", ".svg", ".png"),
    log:
        S.root / "logs" / "figure_{figure}.log",
    wildcard_constraints:
        figure="[a-z0-9_]+",
    conda:
        CONDA
    params:
        code=lambda w: code_of("figure", w.figure),
        options=flow.options(),
    shell:
        "python -m errordrops figure {wildcards.study} {wildcards.figure} {params.options} > {log} 2>&1"

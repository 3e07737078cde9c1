# The page: one HTML file that works with the network off.


rule report:
    input:
        [multiext(str(S.figure(name)), ".json", ".svg") for name in FIGURES],
        [S.table(name) for name in ANALYSIS_TABLES],
        S.closeups,
        S.claims,
        S.provenance,
        checked(lambda w: flow.companion_files(w.study)),
        modules("report/"),
        report_sources(),
    output:
        S.report,
    log:
        S.root / "logs" / "report.log",
    conda:
        CONDA
    params:
        options=flow.options(),
    shell:
        "python -m errordrops report {wildcards.study} {params.options} > {log} 2>&1"

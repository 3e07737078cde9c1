# The runs of a study brought together; tables, claims, provenance.


rule collect:
    input:
        checked(
            lambda w: flow.run_files(w.study, "curve.csv")
            + flow.run_files(w.study, "closeups.csv")
        ),
        modules("curves.py", *BASICS),
    output:
        curves=S.curves,
        closeups=S.closeups,
    log:
        S.root / "logs" / "collect.log",
    conda:
        CONDA
    params:
        options=flow.options(),
    shell:
        "python -m errordrops collect {wildcards.study} {params.options} > {log} 2>&1"


rule analyse:
    input:
        checked(lambda w: flow.run_files(w.study, "run.json")),
        checked(lambda w: study_of(w.study).path),
        S.curves,
        modules(
            "analysis/",
            "batching.py",
            "curves.py",
            "provenance.py",
            "schedules.py",
            "study.py",
            "studychecks.py",
            "studyfile.py",
            *BASICS,
        ),
    output:
        [S.table(name) for name in ANALYSIS_TABLES],
        S.claims,
        S.provenance,
    log:
        S.root / "logs" / "analyse.log",
    conda:
        CONDA
    params:
        options=flow.options(),
    shell:
        "python -m errordrops analyse {wildcards.study} {params.options} > {log} 2>&1"

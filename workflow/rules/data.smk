# The data set of a study: fetched, checked, subsets drawn, one file.


rule data:
    input:
        sample(),
    output:
        S.data,
    log:
        S.root / "data.log",
    conda:
        CONDA
    threads: lambda w: flow.data_cores(w.study)
    params:
        code=code_of("data"),
        dataset=lambda w: dict(study_of(w.study).dataset),
        options=flow.options(),
    shell:
        "python -m errordrops data {wildcards.study} {params.options} --workers {threads} > {log} 2>&1"

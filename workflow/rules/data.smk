# The data set of a study: fetched, checked, subsets drawn, one file.
DATA_MODULES = ["cifar_folder", "draw", "folder", "imagenet", "prepare", "shards", "sources"]


rule data:
    input:
        modules(*[f"data/{name}.py" for name in DATA_MODULES]),
        modules("data/sample/", ending="npz"),
    output:
        S.data,
    log:
        S.root / "data.log",
    conda:
        CONDA
    threads: lambda w: flow.data_cores(w.study)
    params:
        dataset=lambda w: dict(study_of(w.study).dataset),
        options=flow.options(),
    shell:
        "python -m errordrops data {wildcards.study} {params.options} --workers {threads} > {log} 2>&1"

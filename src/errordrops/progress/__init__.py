"""What a person sees while a study runs: how far it is, what dropped, what failed, and what came out.

Reads what the jobs write (train.log, curve.csv, claims.json); trains nothing and changes nothing. Snakemake starts it
as the logger plugin `errordrops`, which profiles/default names.
"""

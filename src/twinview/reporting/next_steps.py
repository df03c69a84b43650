"""The commands that a user may want after a run, in the terminal and on the page."""

NEXT_STEPS = {
    "twinview embed FOLDER --out features.parquet": "features of your own pictures",
    "dvc exp run --temp -S pretrain.epochs=2": "one setting changed, beside your work",
    "twinview compare": "all experiments side by side",
    "twinview ui": "all runs in MLflow",
}
MORE_SEEDS = "twinview seeds 3", "two more trainings, for intervals"

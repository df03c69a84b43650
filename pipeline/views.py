"""Stage views: the cache of augmented views, or in live mode the plan that renders them."""

from twinview.core import files, paths
from twinview.core.counts import counted
from twinview.data import splits
from twinview.reporting.views_picture import VIEWS, views_picture
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.views.cache import cache_bytes, write_cache, write_live
from twinview.views.groups import require_groups
from twinview.views.plan import ViewPlan

STAGE = Stage(
    reads=(
        paths.PREPARED_INDEX,
        paths.PREPARED / "train.safetensors",
        paths.PREPARED / "labels/unused",
    ),
    settings=("views", "augmentations"),
    plug_ins=("augmentations", "modalities"),
    unpushed=(paths.VIEWS,),
    pictures=(paths.VIEWS_PICTURE,),
)


def main() -> None:
    """Renders the views, and a picture of some views beside their originals."""
    settings = params.load()
    views = settings.views
    prepared = splits.load(paths.PREPARED, ("train",), "unused")
    prepared.modality.check_chain(views.chain, prepared.shape)
    train = prepared.splits["train"]
    if views.positives == "group":
        require_groups(train)
    plan = ViewPlan.from_options(views.seed, views.chain, settings.augmentations)
    if views.mode == "live":
        write_live(paths.VIEWS, plan)
        count = VIEWS
    else:
        count, shard_bytes = views.cached.count, views.cached.shard_mb * 2**20
        size = files.megabytes(cache_bytes(train, count))
        print(f"views: {counted(len(train), 'example')} x {counted(count, 'view')} = {size}")
        parts = write_cache(paths.VIEWS, train, plan, prepared.modality, count, shard_bytes)
        stage.run_with_bar(parts, len(train) * count, "views")
    with files.atomic_file(paths.VIEWS_PICTURE) as temporary:
        picture = views_picture(prepared, plan.renderer(prepared.modality), count)
        picture.save(temporary, format="png")


if __name__ == "__main__":
    stage.run(main)

"""The bugs that `make mutants` plants: each is one that public implementations have or had."""

from dataclasses import dataclass

# What each trap is; 14 (no silent temperature), 16 (accumulation gives no negatives) and 17
# (contrastive accuracy misleads) are no bugs of a line.
TRAPS = {
    1: "NT-Xent: an embedding is not its own negative",
    2: "MoCo: a batch's keys are queued after its logits",
    3: "Several processes: gradients come back from all of them, at the right scale",
    4: "MoCo: batch norm does not tell whose key is whose",
    5: "Checkpoints hold queue, slow weights, schedule, prototypes' state, order, random numbers",
    6: "SwAV: Sinkhorn in float32, over all processes, on normalised vectors; prototypes wait",
    7: "BYOL: batch norm in predictor and projector; the slow copy has the buffers",
    8: "SupCon: the mean is outside the log; an anchor without positives costs zero",
    9: "Barlow Twins: the biased variance, of the whole batch",
    10: "Triplet, margin: no triplet or pair costs zero and keeps the graph",
    11: "Log-sum-exp by way of the maximum, everywhere",
    12: "kNN: cosine, float32, no more neighbours than rows",
    13: "Pictures of 28 pixels: small kernels, no pooling, no blur, the data's own statistics",
    15: "Weights are loaded all or not at all",
    18: "The slow copy's buffers; no LARS and no decay for biases and norm layers",
    19: "No test row is trained on, looked at or chosen by",
}

TENSOR_FILES = "src/twinview/core/tensor_files.py"
BACKBONE = "src/twinview/encoders/backbone.py"
BATCH_NORM = "src/twinview/compute/batch_norm.py"
BARLOW = "src/twinview/objectives/barlow_twins.py"
CONVNET = "src/twinview/encoders/convnet.py"
DISTANCES = "src/twinview/learning/pair_mining.py"
EVALUATION = "src/twinview/evaluation/protocol.py"
GROUP_FOLDS = "src/twinview/data/group_folds.py"
JUDGING = "src/twinview/evaluation/judging.py"
IMAGE = "src/twinview/modalities/image.py"
INFO_NCE = "src/twinview/objectives/info_nce.py"
KNN = "src/twinview/probes/knn.py"
NEIGHBOURS = "src/twinview/evaluation/nearest.py"
LARS = "src/twinview/optimizers/lars.py"
LOOP = "src/twinview/learning/loop.py"
MOCO = "src/twinview/methods/moco.py"
N_PAIR = "src/twinview/objectives/n_pair.py"
NT_LOGISTIC = "src/twinview/objectives/nt_logistic.py"
NT_XENT = "src/twinview/objectives/nt_xent.py"
PAIRS = "src/twinview/learning/log_sum_exp.py"
PARAMS = "params.yaml"
PARTS = "src/twinview/learning/parts.py"
PRETRAINING = "src/twinview/learning/pretraining.py"
PROCESSES = "src/twinview/compute/processes.py"
SOURCE_SPLITS = "src/twinview/data/source_splits.py"
SPLIT_ROWS = "src/twinview/data/split_rows.py"
SUP_CON = "src/twinview/objectives/sup_con.py"
SWAV = "src/twinview/methods/swav.py"
TRIPLET = "src/twinview/objectives/triplet.py"

TEST_BACKBONE = (
    "tests/encoders/test_backbone.py::test_resnets_start_small_pictures_without_halving_them"
)
TEST_OPTIMIZERS = "tests/contracts/test_kinds.py::TestOptimizers"
TEST_RANKS = (
    "tests/distributed/test_processes.py::test_together_is_as_alone_on_every_process[2-{}]".format
)
TEST_RESUME = (
    "tests/contracts/test_resume.py::test_a_training_that_was_killed_ends_like_one_that_was_not"
)
TEST_SMALL = "tests/pictures/test_small_pictures.py"
TEST_SWAV_OVERFLOW = "tests/methods/test_swav.py::test_no_precision_overflows_and_codes_are_float32"


@dataclass(frozen=True)
class Mutant:
    """A bug: its trap, what it does, the file's text that it replaces, and who is to notice.

    old: occurs exactly once in file. tests: files or names as pytest takes them.
    """

    trap: int
    bug: str
    file: str
    old: str
    new: str
    tests: str


PLANTED = (
    Mutant(
        1,
        "the self pair stays among the candidates",
        PAIRS,
        "                tile.fill_diagonal_(-math.inf)\n            else:",
        "                pass\n            else:",
        "tests/objectives/test_nt_xent.py",
    ),
    Mutant(
        1,
        "the self pair is masked by a number that a low temperature outweighs",
        PAIRS,
        "                tile.fill_diagonal_(-math.inf)\n            else:",
        "                tile.fill_diagonal_(-1)\n            else:",
        "tests/objectives/test_nt_xent.py",
    ),
    Mutant(
        1,
        "exp(1) is subtracted for the self pair",
        NT_XENT,
        "    others = log_sum_exp.log_sum_exp_of_others(unit.flatten(0, 1), temperature)",
        "    rows = unit.flatten(0, 1)\n"
        "    others = (log_sum_exp.log_sum_exp(rows, rows, temperature).exp() - torch.e).log()",
        "tests/objectives/test_nt_xent.py",
    ),
    Mutant(
        1,
        "exp(1 / temperature) is subtracted for the self pair",
        NT_XENT,
        "    others = log_sum_exp.log_sum_exp_of_others(unit.flatten(0, 1), temperature)",
        "    rows = unit.flatten(0, 1)\n"
        "    total = log_sum_exp.log_sum_exp(rows, rows, temperature).exp()\n"
        "    others = (total - torch.full_like(total, 1 / temperature).exp()).log()",
        "tests/objectives/test_nt_xent.py",
    ),
    Mutant(
        2,
        "keys are queued before the logits",
        MOCO,
        "        negatives = None if self.queue is None else self.queue.rows\n",
        "        if self.queue is not None:\n"
        "            self.queue.offer(log_sum_exp.normalise(keys).flatten(0, 1))\n"
        "            self.queue.after_step(1.0)\n"
        "        negatives = None if self.queue is None else self.queue.rows\n",
        "tests/methods/test_moco.py",
    ),
    Mutant(
        2,
        "what is offered is taken in at once",
        PARTS,
        "        self._offered = rows.detach()\n",
        "        self._offered = rows.detach()\n        self.after_step(1.0)\n",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        3,
        "gathered rows of other processes carry no gradient",
        PROCESSES,
        "    return all_reduce(torch.cat(blocks, dim))",
        "    parts = list(all_reduce(torch.cat(blocks, dim)).detach().chunk(world_size(), dim))\n"
        "    parts[rank()] = x\n"
        "    return torch.cat(parts, dim)",
        TEST_RANKS("a_step"),
    ),
    Mutant(
        3,
        "the backward of the sum over processes is not summed",
        PROCESSES,
        "        return all_reduce(gradient)",
        "        return gradient",
        TEST_RANKS("a_step"),
    ),
    Mutant(
        3,
        "gradients are added up over processes, not averaged",
        PROCESSES,
        "(bucket / world_size()).split(",
        "bucket.split(",
        TEST_RANKS("a_step"),
    ),
    Mutant(
        3,
        "each process has its own examples as negatives only",
        LOOP,
        "method.terms(processes.gather_projections(projections))",
        "method.terms(projections)",
        TEST_RANKS("a_training"),
    ),
    Mutant(
        3,
        "batch norm has each process's own statistics",
        BATCH_NORM,
        "    if processes.world_size() > 1:\n",
        "    if processes.world_size() > 9:\n",
        TEST_RANKS("a_step"),
    ),
    Mutant(
        4,
        "keys are encoded in the queries' order",
        MOCO,
        "torch.randperm(all_views.shape[1])",
        "torch.arange(all_views.shape[1])",
        "tests/methods/test_moco.py",
    ),
    Mutant(
        4,
        "keys do not come back to their queries' order",
        MOCO,
        "processes.local_rows(order.argsort())",
        "processes.local_rows(order)",
        "tests/methods/test_moco.py",
    ),
    Mutant(
        4,
        "the order is another on each process",
        MOCO,
        "processes.broadcast(torch.randperm(all_views.shape[1]))",
        "torch.randperm(all_views.shape[1])",
        TEST_RANKS("steps_of_moco"),
    ),
    Mutant(
        4,
        "batch norm is not split, so that on one device the order does nothing",
        MOCO,
        "        batch_norm.split(method, batch_norm_group)\n",
        "",
        "tests/methods/test_moco.py",
    ),
    Mutant(
        4,
        "batch norm's groups are the whole batch",
        BATCH_NORM,
        "        parts = x.split(self.size)",
        "        parts = x.split(len(x))",
        "tests/compute/test_batch_norm.py",
    ),
    Mutant(
        5,
        "the queue is not saved",
        PARTS,
        "F.normalize(torch.randn(size, *shape), dim=-1))",
        "F.normalize(torch.randn(size, *shape), dim=-1), persistent=False)",
        f"{TEST_RESUME}[moco-adamw]",
    ),
    Mutant(
        5,
        "the queue's pointer is not saved",
        PARTS,
        'self.register_buffer("seen", torch.zeros((), dtype=torch.int64))',
        'self.register_buffer("seen", torch.zeros((), dtype=torch.int64), persistent=False)',
        f"{TEST_RESUME}[moco-adamw]",
    ),
    Mutant(
        5,
        "the slow copy is not saved",
        PARTS,
        "        self.encoder = copy.deepcopy(encoder).requires_grad_(False)\n",
        "        slow = copy.deepcopy(encoder).requires_grad_(False)\n"
        '        object.__setattr__(self, "encoder", slow)\n',
        f"{TEST_RESUME}[byol-adamw]",
    ),
    Mutant(
        5,
        "the slow copy's schedule starts anew in each epoch",
        LOOP,
        "progress = (state.number + 1) / budget.steps(len(train))",
        "progress = (state.number % per_epoch + 1) / budget.steps(len(train))",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        5,
        "the schedules start anew",
        LOOP,
        '        self.number = state["number"]\n',
        "        self.number = 0\n",
        "tests/learning/test_loop.py",
    ),
    Mutant(
        5,
        "whether the prototypes learn is not saved",
        PARTS,
        'self.register_buffer("frozen", torch.tensor(frozen_until > 0))',
        'self.register_buffer("frozen", torch.tensor(frozen_until > 0), persistent=False)',
        f"{TEST_RESUME}[swav-adamw]",
    ),
    Mutant(
        5,
        "the epoch starts again with its first batch",
        LOOP,
        "epoch, state.method.views, first):",
        "epoch, state.method.views):",
        f"{TEST_RESUME}[simclr-sgd]",
    ),
    Mutant(
        5,
        "random numbers are those of whoever drew before",
        LOOP,
        'with randomness.torch_seeded(budget.seed, f"step/{state.number}/{processes.rank()}"):',
        "with torch.enable_grad():",
        f"{TEST_RESUME}[moco-adamw]",
    ),
    Mutant(
        5,
        "a queue may be longer than the data",
        LOOP,
        "len(part.rows) > examples:",
        "len(part.rows) > 10**9:",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        6,
        "Sinkhorn in float16",
        SWAV,
        "        log = scores / self.epsilon\n",
        "        log = (scores.half() / self.epsilon).exp().log().to(scores.dtype)\n",
        TEST_SWAV_OVERFLOW,
    ),
    Mutant(
        6,
        "Sinkhorn of exponentials, not of logarithms",
        SWAV,
        "        log = scores / self.epsilon\n",
        "        log = (scores / self.epsilon).exp().log()\n",
        TEST_SWAV_OVERFLOW,
    ),
    Mutant(
        6,
        "Sinkhorn of each process's own part",
        SWAV,
        "        return torch.stack([self._sinkhorn(view) for view in scores])[:, -count:]",
        "        from twinview.compute import processes\n\n"
        "        parts = [view.chunk(processes.world_size()) for view in scores]\n"
        "        found = [torch.cat([self._sinkhorn(x) for x in own]) for own in parts]\n"
        "        return torch.stack(found)[:, -count:]",
        TEST_RANKS("steps_of_swav"),
    ),
    Mutant(
        6,
        "embeddings are not normalised",
        SWAV,
        "        unit = log_sum_exp.normalise(projections.z)\n",
        "        unit = projections.z\n",
        "tests/methods/test_swav.py",
    ),
    Mutant(
        6,
        "prototypes are not normalised",
        PARTS,
        "        self.weight.copy_(F.normalize(self.weight, dim=1))\n",
        "",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        6,
        "prototypes learn from the first step on",
        PARTS,
        "self.weight.detach() if self.frozen else self.weight",
        "self.weight",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        6,
        "the queue fills from the first step on",
        PARTS,
        "        if offered is None or progress < self.start:\n",
        "        if offered is None:\n",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        6,
        "the queue's first, random rows shape the codes",
        SWAV,
        "            if self.queue.full:\n",
        "            if True:\n",
        "tests/methods/test_swav.py",
    ),
    Mutant(
        7,
        "no batch norm in the predictor",
        PARTS,
        "        nn.BatchNorm1d(hidden),\n",
        "",
        "tests/methods/test_byol.py",
    ),
    Mutant(
        7,
        "no batch norm in the projector",
        "src/twinview/heads/nonlinear.py",
        "[nn.BatchNorm1d(hidden)]",
        "[]",
        "tests/heads/test_heads.py",
    ),
    Mutant(
        7,
        "the slow copy averages buffers as if they were weights",
        PARTS,
        "            slow_buffer.copy_(fast_buffer)\n",
        "            slow_buffer.copy_(slow_buffer + rate * (fast_buffer - slow_buffer))\n",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        8,
        "the mean over positives is inside the log (L_in)",
        SUP_CON,
        "    agreement = _agreement(rows, labels.repeat(views)) / count.clamp(min=1) "
        "/ temperature\n",
        "    names = labels.repeat(views)\n"
        "    same = (names[:, None] == names).fill_diagonal_(False)\n"
        "    close = (rows @ rows.T / temperature).masked_fill(~same, -1e9)\n"
        "    agreement = close.logsumexp(1) - count.clamp(min=1).log()\n",
        "tests/objectives/test_sup_con.py",
    ),
    Mutant(
        8,
        "an anchor without positives costs its log-sum-exp",
        SUP_CON,
        "torch.where(count > 0, loss, 0).mean()",
        "loss.mean()",
        "tests/objectives/test_sup_con.py",
    ),
    Mutant(
        8,
        "an anchor without positives is not counted, and none of them is no number",
        SUP_CON,
        "torch.where(count > 0, loss, 0).mean()",
        "loss[count > 0].mean()",
        "tests/objectives/test_sup_con.py",
    ),
    Mutant(
        8,
        "an anchor without positives has no gradient that is a number",
        SUP_CON,
        "count.clamp(min=1)",
        "count",
        "tests/objectives/test_sup_con.py",
    ),
    Mutant(
        8,
        "an anchor counts as its own positive",
        PAIRS,
        "views * sizes[classes] - 1",
        "views * sizes[classes]",
        "tests/learning/test_log_sum_exp.py",
    ),
    Mutant(
        9,
        "the unbiased variance",
        BARLOW,
        "batch_norm(view, None, None, training=True) for view",
        "(view - view.mean(0)) / view.std(0) for view",
        "tests/objectives/test_barlow_twins.py",
    ),
    Mutant(
        9,
        "features are standardised over each process's own part",
        BARLOW,
        "    first, second = (batch_norm(view, None, None, training=True) for view in "
        "log_sum_exp.upcast(z))\n",
        "    from twinview.compute import processes\n\n"
        "    parts = [view.chunk(processes.world_size()) for view in log_sum_exp.upcast(z)]\n"
        "    first, second = (\n"
        "        torch.cat([batch_norm(x, None, None, training=True) for x in own])"
        " for own in parts\n"
        "    )\n",
        TEST_RANKS("steps_of_barlow_twins"),
    ),
    Mutant(
        10,
        "the mean of no triplet is no number",
        DISTANCES,
        "    return values.sum() / max(1, values.numel())",
        "    return values.mean()",
        "tests/objectives/test_triplet.py",
    ),
    Mutant(
        10,
        "no triplet costs a zero without a graph",
        DISTANCES,
        "    return values.sum() / max(1, values.numel())",
        "    return values.mean() if values.numel() else torch.zeros(())",
        "tests/objectives/test_triplet.py",
    ),
    Mutant(
        10,
        "an anchor without a positive makes triplets",
        DISTANCES,
        "    anchors = positive.any(1) & negative.any(1)\n",
        "    anchors = negative.any(1)\n",
        "tests/objectives/test_triplet.py",
    ),
    Mutant(
        10,
        "embeddings all alike cost less than the margin",
        TRIPLET,
        "(margin + positive - negative).relu()",
        "(positive - negative).relu()",
        "tests/objectives/test_triplet.py",
    ),
    Mutant(
        10,
        "margin: no pair that costs something is no number",
        "src/twinview/methods/margin.py",
        "costly.clamp(min=1)",
        "costly",
        "tests/methods/test_margin.py",
    ),
    Mutant(
        11,
        "log-sum-exp without the maximum",
        PAIRS,
        "    raised = torch.maximum(peak, tile.amax(axis))\n",
        "    raised = torch.zeros_like(peak)\n",
        "tests/objectives/test_nt_xent.py",
    ),
    Mutant(
        11,
        "InfoNCE with a queue: log(1 + exp(x)) as it stands",
        INFO_NCE,
        "torch.logaddexp(negatives - positive, torch.zeros_like(positive)).mean()",
        "(1 + (negatives - positive).exp()).log().mean()",
        "tests/objectives/test_info_nce.py",
    ),
    Mutant(
        11,
        "N-pair: log(1 + exp(x)) as it stands",
        N_PAIR,
        "-logsigmoid((products - negatives)[~negative]).mean()",
        "(1 + (negatives - products)[~negative].exp()).log().mean()",
        "tests/objectives/test_n_pair.py",
    ),
    Mutant(
        11,
        "NT-Logistic: the log of a sigmoid as it stands",
        NT_LOGISTIC,
        "pair_mining.mean_or_zero(logsigmoid(dissimilar))",
        "pair_mining.mean_or_zero(dissimilar.sigmoid().log())",
        "tests/objectives/test_nt_logistic.py",
    ),
    Mutant(
        12,
        "products instead of cosines",
        NEIGHBOURS,
        "out=products[: len(part)]).div_(lengths)",
        "out=products[: len(part)])",
        "tests/probes/test_knn.py",
    ),
    Mutant(
        12,
        "Euclidean distances instead of cosines",
        NEIGHBOURS,
        "torch.mm(part, bank.T, out=products[: len(part)]).div_(lengths)",
        "-torch.cdist(part, bank)",
        "tests/probes/test_knn.py",
    ),
    Mutant(
        12,
        "more neighbours than rows",
        NEIGHBOURS,
        "min(count, len(bank))",
        "count",
        "tests/probes/test_knn.py",
    ),
    Mutant(
        12,
        "weights that overflow",
        KNN,
        "((cosine - cosine[:, :1]) / temperature).exp()",
        "(cosine / temperature).exp()",
        "tests/probes/test_knn.py",
    ),
    Mutant(
        12,
        "weights in float16",
        KNN,
        "((cosine - cosine[:, :1]) / temperature).exp()",
        "(cosine.half() / temperature).exp().float()",
        "tests/probes/test_knn.py",
    ),
    Mutant(
        13,
        "a stem of 7 x 7",
        CONVNET,
        "nn.Conv2d(before, width, _PATCH, stride, padding=_PATCH // 2, bias=False)",
        "nn.Conv2d(before, width, 7, stride, padding=3, bias=False)",
        TEST_SMALL,
    ),
    Mutant(
        13,
        "max-pooling after the first layer",
        CONVNET,
        "                nn.ReLU(),\n",
        "                nn.ReLU(),\n"
        "                nn.MaxPool2d(3, 2, padding=1) if before == shape[0] else nn.Identity(),\n",
        TEST_SMALL,
    ),
    Mutant(
        13,
        "ResNets start with ImageNet's stem, whatever the size",
        BACKBONE,
        "max(shape[1:]) <= SMALL_SIDE",
        "max(shape[1:]) <= 0",
        TEST_BACKBONE,
    ),
    Mutant(
        13,
        "ResNets keep the max-pooling of ImageNet's stem",
        BACKBONE,
        '        network.set_submodule("maxpool", nn.Identity())\n',
        "",
        TEST_BACKBONE,
    ),
    Mutant(
        13,
        "ImageNet's statistics",
        IMAGE,
        "        return Statistics(tuple(mean.tolist()), tuple(std.tolist()))",
        "        return Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))",
        "tests/modalities/test_image.py",
    ),
    Mutant(
        13,
        "blur among the augmentations",
        PARAMS,
        "  - contrast\n",
        "  - contrast\n  - gaussian_blur\n",
        TEST_SMALL,
    ),
    Mutant(
        13,
        "ImageNet's strength of brightness",
        PARAMS,
        "  brightness: {probability: 0.8, strength: 0.4}",
        "  brightness: {probability: 0.8, strength: 0.8}",
        TEST_SMALL,
    ),
    Mutant(
        15,
        "weights that are missing stay as they were drawn (strict=False)",
        TENSOR_FILES,
        "    weights = load_tensors(path)\n",
        "    own, found = module.state_dict(), load_tensors(path)\n"
        "    weights = own | {name: t for name, t in found.items() if name in own}\n",
        "tests/models/test_encoder.py",
    ),
    Mutant(
        15,
        "nothing is loaded",
        TENSOR_FILES,
        "    module.load_state_dict(weights, strict=True)\n",
        "",
        "tests/models/test_encoder.py",
    ),
    Mutant(
        18,
        "the slow copy has no buffers of the fast one",
        PARTS,
        "            slow_buffer.copy_(fast_buffer)\n",
        "            pass\n",
        "tests/learning/test_parts.py",
    ),
    Mutant(
        18,
        "LARS rescales biases and norm layers",
        LARS,
        '"weight_decay": 0.0, "trust": None}',
        '"weight_decay": 0.0, "trust": trust}',
        "tests/optimizers/test_optimizers.py",
    ),
    Mutant(
        18,
        "LARS lets biases and norm layers decay",
        LARS,
        '"weight_decay": 0.0, "trust": None}',
        '"weight_decay": weight_decay, "trust": None}',
        TEST_OPTIMIZERS,
    ),
    Mutant(
        18,
        "SGD lets biases and norm layers decay",
        "src/twinview/optimizers/sgd.py",
        '"weight_decay": 0.0}',
        '"weight_decay": weight_decay}',
        TEST_OPTIMIZERS,
    ),
    Mutant(
        18,
        "AdamW lets biases and norm layers decay",
        "src/twinview/optimizers/adamw.py",
        '"weight_decay": 0.0}',
        '"weight_decay": weight_decay}',
        TEST_OPTIMIZERS,
    ),
    Mutant(
        18,
        "biases and norm layers are handed over as weights",
        LOOP,
        "    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]",
        "    return parameters, []",
        "tests/learning/test_loop.py",
    ),
    Mutant(
        19,
        "the test split is drawn from the rows to fit on",
        SPLIT_ROWS,
        '_rows_given(given, "test")',
        '_rows_given(given, "train")',
        "tests/data/test_split_rows.py",
    ),
    Mutant(
        19,
        "validation rows are trained on",
        SOURCE_SPLITS,
        "[split == name for split in splits]",
        '[split == name or split == "validation" for split in splits]',
        "tests/data/test_splits.py",
    ),
    Mutant(
        19,
        "the training takes the test split",
        PRETRAINING,
        'train = prepared.splits["train"]',
        'train = prepared.splits["test"]',
        "tests/pipeline/test_leakage.py",
    ),
    Mutant(
        19,
        "the monitors watch the test split",
        PRETRAINING,
        'evenly_spaced(self.prepared.splits["validation"]',
        'evenly_spaced(self.prepared.splits["test"]',
        "tests/pipeline/test_leakage.py",
    ),
    Mutant(
        19,
        "pictures are standardised by the test split's statistics",
        SOURCE_SPLITS,
        'modality.statistics(taken["train"].inputs)',
        'modality.statistics(taken["test"].inputs)',
        "tests/data/test_splits.py",
    ),
    Mutant(
        19,
        "divisions drawn anew cut groups apart",
        GROUP_FOLDS,
        "groups=[None if group == NO_GROUP else str(group) for group in groups.tolist()]",
        "groups=None",
        "tests/evaluation/test_group_folds.py",
    ),
    Mutant(
        19,
        "an encoder that saw labels is measured over divisions by groups",
        JUDGING,
        "if group_folds is None or saw_labels or not again:",
        "if group_folds is None or not again:",
        "tests/evaluation/test_group_folds.py",
    ),
    Mutant(
        19,
        "a probe's options are chosen on test",
        EVALUATION,
        "chosen, tried = choose_options(train, validation, probe, grid)",
        "chosen, tried = choose_options(train, test, probe, grid)",
        "tests/evaluation/test_protocol.py",
    ),
    Mutant(
        19,
        "the probe is fitted on test too",
        EVALUATION,
        "probe(concatenate(train, validation), test.features, **chosen)",
        "probe(concatenate(train, test), test.features, **chosen)",
        "tests/evaluation/test_protocol.py",
    ),
)

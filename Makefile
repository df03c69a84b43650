# What a user does: make repro, make test. What a developer does before a commit: make check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Folders of tests whose numbers depend on a processor's kernels.
COMPUTING := augmentations compute contracts data distributed encoders evaluation heads learning methods modalities models \
  objectives optimizers pictures probes serving sources tasks texts views
# PyTorch's, oneDNN's and MKL's kernels for old processors, which sum in another order than those for new ones.
OLD_PROCESSOR := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2

# The programs of an environment lead to the folder that it was made in, and run the code there.
define MADE_ELSEWHERE
  test -L $(VENV) || test ! -f $(BIN)/twinview || \
  test "$$(sed -n '1,2s|^[^/]*\(/.*/\)python[0-9.]*.*|\1|p' $(BIN)/twinview)" -ef $(BIN) || echo yes
endef
ifeq ($(shell $(MADE_ELSEWHERE)),yes)
  $(error $(CURDIR)/$(VENV) was made in another folder, and would run the code there; `rm -r $(VENV)` and run this again: it is made anew)
endif

.PHONY: repro try test test-portable test-slow test-peers mutants check gate smoke bench format lock

repro: $(READY)  ## get the data, run the pipeline, print the results; DATA=FOLDER: of your pictures; RECIPE=long: with recipes/long.yaml
	@$(BIN)/twinview repro$(if $(DATA), --data "$(DATA)")$(if $(RECIPE), --recipe $(RECIPE))

try: $(READY)  ## the pipeline on a part of the data, in build/try: some three minutes to the page
	@$(BIN)/twinview preview

test: $(READY)  ## the test suite, from nothing
	@$(BIN)/python -m pytest -m "not slow and not peers" -n 2 --dist loadfile --no-loadscope-reorder

test-portable: $(READY)  ## the tests of what computes, with the arithmetic of a processor without AVX
	@$(OLD_PROCESSOR) $(BIN)/python -m pytest -m "not slow and not peers" -n 2 --dist loadfile --no-loadscope-reorder \
	  $(addprefix tests/,$(COMPUTING))

test-slow: $(READY)  ## what takes longer, and timm's networks as encoders
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[timm]'
	@$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder

test-peers: $(READY)  ## our numbers beside lightly's and pytorch-metric-learning's: docs/peers.md
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[peers]'
	@$(BIN)/python -m tests.peers

mutants: $(READY)  ## plants known bugs; a test has to fail for each: docs/mutants.md
	@$(BIN)/python -m tests.mutants $(TRAPS)

check: $(READY)  ## format, lint, types, import layers, params
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/twinview check
	@for recipe in recipes/*.yaml; do $(BIN)/twinview check --params $$recipe || exit 1; done

gate: $(READY)  ## the results in reports/ against floors, raw pixels and those of BASE
	@$(BIN)/twinview gate $(if $(BASE),--baseline $(BASE)) \
	  $(if $(GITHUB_STEP_SUMMARY),--markdown "$(GITHUB_STEP_SUMMARY)")

smoke: $(READY)  ## the whole pipeline on a few thousand examples, in build/smoke, and its gate
	@$(BIN)/python -m tests.smoke

bench: $(READY)  ## docs/benchmarks.md: speed beside lightly, kornia and torchvision; BENCH="views loop" runs some of it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@$(BIN)/python -m benchmarks $(BENCH)

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:  ## pin every package with its hashes; needs uv (https://docs.astral.sh/uv)
	@printf 'torch==2.14.1\ntorchvision==0.29.1\n' | uv pip compile pyproject.toml --extra dev --extra onnx \
	  --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  --constraint - --output-file requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "twinview needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): some 6 GB with PyTorch, a few minutes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

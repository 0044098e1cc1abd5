# The short way in. CMake does the work; this names what people do most.
#   make run     install what is missing, build, and show it working on real text
#   make check   install what is missing, build, and run every test
BUILD ?= build
PREFIX ?= /usr/local
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 20
CONFIGURE = cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release
NINJA = cmake --build $(BUILD) -j $(JOBS)
# the configuring and compiling of a first build, quiet unless it fails
QUIET = > $(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }

.PHONY: all build setup run check wheel claims bench fuzz format install clean help
.DEFAULT_GOAL := all

all: ## configure and build a release in build/
	@command -v cmake >/dev/null || { echo "cmake is missing: make setup installs what the build needs"; exit 1; }
	@test -e $(BUILD)/CMakeCache.txt || $(CONFIGURE) -DCULL_TESTS=OFF
	@$(NINJA)

setup: ## install the Debian packages that build, tests and demonstration need
	@tools/setup.sh build test demo

run: ## install what is missing, build, show it working on real text
	@tools/setup.sh build demo
	@mkdir -p $(BUILD)
	@echo "building cull (the first time takes about a minute)"
	@{ test -e $(BUILD)/CMakeCache.txt || $(CONFIGURE) -DCULL_TESTS=OFF; } $(QUIET)
	@$(NINJA) --target demo $(QUIET)
	@tools/demo.sh $(BUILD)

check: ## install what is missing, build, run every test
	@tools/setup.sh build test demo
	@mkdir -p $(BUILD)
	@echo "building cull and its tests"
	@$(CONFIGURE) -DCULL_TESTS=ON $(QUIET)
	@$(NINJA) $(QUIET)
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure --no-label-summary --no-tests=error -LE claims

wheel: ## build the Python package in dist/, by auditwheel (of PYTHON) for other machines too
	@tools/setup.sh build wheel
	@$(PYTHON) tools/wheel.py dist

claims: ## check the papers' claims on their data (minutes; installs a data set)
	@tools/setup.sh build test claims
	@$(CONFIGURE) -DCULL_TESTS=ON
	@$(NINJA)
	@ctest --test-dir $(BUILD) --output-on-failure --no-label-summary --no-tests=error -L claims

bench: ## time the parts of cull on made inputs
	@tools/setup.sh build
	@$(CONFIGURE) -DCULL_BENCH=ON
	@$(NINJA)
	@for b in $(BUILD)/bench/bench_*; do test -x $$b && test -f $$b && { echo "== $$b"; $$b || exit 1; }; done; true

fuzz: ## build the libFuzzer targets with clang and run each for FUZZ_SECONDS
	@tools/setup.sh build test fuzz
	@cmake --preset fuzz
	@cmake --build --preset fuzz -j $(JOBS) --target $(patsubst tests/fuzz/%.c,fuzz_%,$(filter-out %/replay.c,$(wildcard tests/fuzz/*.c)))
	@tools/fuzz.sh build-fuzz $(FUZZ_SECONDS)

format: ## clang-format every C and C++ file
	@tools/setup.sh format
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format-14 -i

install: all ## install under PREFIX (/usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove every build folder, dist/ and what the demonstration wrote
	@rm -rf build build-* dist run

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r t h; do printf '  make %-9s %s\n' "$$t" "$$h"; done

# spp_sorter: two commands, `make demo` and `make test`; each sets up .venv first.
SHELL := /bin/sh
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
ARGS ?=
COVERAGE ?= 1

# The environment is a ROS 2 of its own: nothing of another one that the shell has sourced may leak in.
ifdef ROS_DISTRO
unexport LD_LIBRARY_PATH
endif
unexport PYTHONPATH PYTHONHOME CMAKE_PREFIX_PATH COLCON_PREFIX_PATH ROS_DISTRO RMW_IMPLEMENTATION
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
export AMENT_PREFIX_PATH := $(VENV)

.PHONY: help setup demo test lint audit wheel robot clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, then sort a simulated belt: camera -> sorter -> arm; results in out/"
	@echo "make test    set up, then check style and types and run the tests"
	@echo "make setup   set up .venv only"
	@echo "make lint    set up, then check style and types only"
	@echo "make audit   look the pinned packages up among known vulnerabilities (needs a connection)"
	@echo "make wheel   build the wheel, install it in a clean environment, call it"
	@echo "make robot   prepare this clone in a ROS 2 workspace on a robot (Jazzy, Lyrical)"
	@echo "make clean   remove .venv, build output, caches and out/"
	@echo "Settings: PYTHON=python3.12    TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu    ARGS='...' for the demo"

setup:
	@tools/setup.sh

demo: setup
	@"$(BIN)/spp_sorter" demo $(ARGS)

lint: setup
	"$(BIN)/ruff" check
	"$(BIN)/ruff" format --check
	"$(BIN)/mypy"

# Two processes side by side: one for the tests with nodes, which mostly wait, one for all others (test/conftest.py).
PYTEST = "$(BIN)/python" -m pytest -n 2 --no-loadscope-reorder

# Lines are counted by sys.monitoring where Python has it (3.12), which costs next to nothing; COVERAGE=0 does without.
test: lint
ifeq ($(COVERAGE),0)
	$(PYTEST)
else
	@mkdir -p out
	COVERAGE_CORE=$$("$(BIN)/python" -c 'import sys; print(("ctrace", "sysmon")[sys.version_info >= (3, 12)])') \
		$(PYTEST) --cov --cov-report=
	@"$(BIN)/coverage" report
endif

# Known vulnerabilities of what is pinned; needs a connection, and fails nothing without one.
audit:
	@tools/audit.sh

wheel: setup
	@tools/wheel_check.sh

robot:
	@tools/robot.sh

clean:
	rm -rf .venv .venv-robot build install log out .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

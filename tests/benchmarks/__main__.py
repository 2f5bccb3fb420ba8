"""Run one benchmark, or all of them, and print its figures: `uv run python -m tests.benchmarks shapes`."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

if __name__ == "__main__":
    wanted = [str(HERE / f"test_{name}.py") for name in sys.argv[1:]]
    raise SystemExit(pytest.main(["-s", "-n0", *(wanted or [str(HERE)])]))

"""Run the named stages of `make test` in turn, say what each cost, and exit 1 if anything failed.

    python tests/stages.py lint fast slow notebooks stacks browser

Every stage runs even if one before it failed. JUnit files stay in build/tests.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "build" / "tests"
COLAB = ".venv-colab/bin/python"
PYTEST = [sys.executable, "-m", "pytest", "-q"]
TWO = ["-n", "2"]
WIDGET_ROOMS = ("widgets", "figures", "exercises")
NBVAL = ["--nbval-lax", "--nbval-cell-timeout", "120"]
ELSEWHERE = "not notebook and not stacks and not browser"

STAGES: dict[str, list[list[str]]] = {
    "lint": [
        [sys.executable, "-m", "ruff", "check", "--quiet"],
        [sys.executable, "-m", "ruff", "format", "--check", "--quiet"],
        [sys.executable, "-m", "mypy"],
    ],
    "fast": [[*PYTEST, *TWO, "-m", f"{ELSEWHERE} and not slow"]],
    "slow": [[*PYTEST, *TWO, "-m", f"{ELSEWHERE} and slow"]],
    "notebooks": [
        [*PYTEST, *TWO, "-m", "notebook", "tests/notebooks"],
        # loadfile keeps the cells of a notebook in one kernel
        [*PYTEST, *TWO, "--dist", "loadfile", *NBVAL, "labs/solutions"],
    ],
    "stacks": [
        [COLAB, *PYTEST[1:], *TWO, "-m", ELSEWHERE, *(f"tests/{room}" for room in WIDGET_ROOMS)],
        [*PYTEST, *TWO, "-m", "stacks", "tests/stacks"],
    ],
    "browser": [[*PYTEST, "-m", "browser", "-rs", "tests/browser"]],
}
KINDS = ("passed", "failed", "skipped")
NO_TESTS = 5  # pytest's exit status when it collected nothing


@dataclass
class Cost:
    """What a stage did: counts of "passed", "failed", "skipped"; its seconds; its longest tests."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    longest: Counter[str] = field(default_factory=Counter)


def run(stage: str) -> Cost:
    """Run one stage's commands and add up what they report."""
    cost, start = Cost(), time.monotonic()
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for number, command in enumerate(STAGES[stage]):
        report = REPORTS / f"{stage}-{number}.xml"
        report.unlink(missing_ok=True)
        is_pytest = "pytest" in command
        print(f"\n== {stage}: {' '.join(command[1:])}", flush=True)
        extra = [f"--junitxml={report}"] if is_pytest else []
        code = subprocess.run([*command, *extra], cwd=ROOT, env=env).returncode
        counts = read_report(report, cost.longest) if is_pytest else Counter(passed=int(code == 0))
        if code not in (0, NO_TESTS) and not counts["failed"]:
            counts["failed"] += 1
        cost.counts += counts
    if stage == "browser" and os.environ.get("LABKIT_REQUIRE_BROWSER"):
        missing = cost.counts["skipped"] or not cost.counts.total()
        cost.counts["failed"] += bool(missing)
    cost.seconds = time.monotonic() - start
    return cost


def read_report(report: Path, longest: Counter[str]) -> Counter[str]:
    """Counts of one JUnit file; adds seconds by test to `longest`, a notebook's cells as one."""
    counts: Counter[str] = Counter()
    if not report.exists():
        return counts
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag for child in case}
        failed = outcomes & {"failure", "error"}
        counts["failed" if failed else "skipped" if "skipped" in outcomes else "passed"] += 1
        module, name = case.get("classname", ""), case.get("name", "")
        one = module if "ipynb" in module else f"{module}::{name}"
        longest[one] += float(case.get("time", 0))
    return counts


def summary(costs: dict[str, Cost]) -> str:
    """The closing table: one line a stage, its tests over five seconds, and the sum."""
    lines = [f"\n{'stage':<12}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}"]
    total: Counter[str] = Counter()
    for stage, cost in costs.items():
        total += cost.counts
        row = "".join(f"{cost.counts[kind]:>8}" for kind in KINDS)
        lines.append(f"{stage:<12}{row}{cost.seconds:>9.0f}")
        lines += [f"    {s:5.0f} s  {name}" for name, s in cost.longest.most_common(12) if s >= 5]
    counted = ", ".join(f"{total[kind]} {kind}" for kind in KINDS)
    lines.append(f"{counted} in {sum(cost.seconds for cost in costs.values()):.0f} s")
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Run the stages named; 0 if nothing failed."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    costs = {name: run(name) for name in names}
    (REPORTS / "summary.txt").write_text(summary(costs) + "\n")
    print(summary(costs))
    return int(any(cost.counts["failed"] for cost in costs.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

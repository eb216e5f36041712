"""Labs in rough hands: `make torture`, or `python tests/torture.py 01 02`; a table, and exit 1.

Solved notebooks at smoke, a core each. In one kernel: every cell twice, all cells backwards, all
again; every slider to both ends, nonsense typed; 500 slider moves after 50, memory before and
after; the most memory ever. In a second one: each long cell interrupted and run again. In a
third: no network, and folders that nobody can write; in a fourth: a disk that is full. The last
two need Linux and root and are skipped elsewhere.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
LONG, PATIENCE, CEILING = 1.5, 300, 2048  # seconds, seconds, MiB (Binder's)
MOVES, WARM_UP, GROWTH = 500, 50, 60  # MiB that 500 moves may leave behind
AID = (Path(__file__).with_name("torture_aid.py")).read_text(encoding="utf-8")


class Kernel:
    """A kernel in labs/; `run` returns an error's name and message, or ""."""

    def __init__(self, before: list[str] | None = None, **environment: str) -> None:
        self.manager = KernelManager(transport="ipc")  # works without a network, too
        self.manager.ip = tempfile.mktemp(prefix="k")
        spec = self.manager.kernel_spec
        assert spec is not None
        python = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.argv = [*(before or []), *python]
        quiet = {"OMP_NUM_THREADS": "1", "LABKIT_PROGRESS": "off"}
        self.manager.start_kernel(cwd=str(ROOT / "labs"), env=os.environ | quiet | environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, interrupt_after: float = 0.0) -> str:
        sent, begun, stopped = self.client.execute(code), time.monotonic(), False
        error = ""
        while time.monotonic() - begun < PATIENCE:
            if interrupt_after and not stopped and time.monotonic() - begun > interrupt_after:
                self.manager.interrupt_kernel()
                stopped = True
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif kind == "stream" and content["name"] == "stdout":
                self.printed = content["text"]
            elif kind == "status" and content["execution_state"] == "idle":
                return error
        return f"no end within {PATIENCE} s"

    def ask(self, call: str) -> Any:
        """What a function of the aid returns."""
        self.printed = ""
        error = self.run(f"import json as _j; print(_j.dumps({call}))")
        return error or json.loads(self.printed)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextmanager
def kernel(*args: Any, **environment: str) -> Iterator[Kernel]:
    made = Kernel(*args, **environment)
    try:
        yield made
    finally:
        made.close()


def cells_of(lab: str) -> list[str]:
    path = next((ROOT / "labs/solutions").glob(f"{lab}_*.ipynb"))
    return [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


def failures(run: Callable[[str], str], cells: list[str]) -> str:
    """ "ok", or which cells failed how."""
    found = [(place, run(cell)) for place, cell in enumerate(cells, 1)]
    wrong = [f"cell {place}: {error[:150]}" for place, error in found if error]
    return "; ".join(wrong[:3]) or "ok"


def handled(lab: str) -> Iterator[tuple[str, str]]:
    """One kernel: cells in every order, then sliders, then memory."""
    cells = cells_of(lab)
    with kernel() as k:
        yield "every cell twice", failures(k.run, [c for cell in cells for c in (cell, cell)])
        yield "backwards", failures(k.run, cells[::-1])
        yield "all again", failures(k.run, cells)
        k.run(AID)
        yield "sliders to both ends", said(k.ask("ends()"))
        yield "nonsense typed", said(k.ask("nonsense()"))
        k.ask(f"moves({WARM_UP})")
        for _ in range(2):  # what grows only once is the allocator's, not a leak
            before = k.ask("resident()")
            wrong = k.ask(f"moves({MOVES})")
            grown = k.ask("resident()") - before
            if grown < GROWTH:
                break
        state = "" if grown < GROWTH else "GREW: "
        yield f"{MOVES} moves", f"{state}{grown:+.0f} MiB" + (f"; {said(wrong)}" if wrong else "")
        most = k.ask("most()")
        yield "most memory", ("TOO MUCH: " if most > CEILING else "") + f"{most:.0f} MiB"


def said(wrong: Any) -> str:
    return "ok" if not wrong else wrong if isinstance(wrong, str) else "; ".join(wrong[:3])


def interrupted(lab: str) -> Iterator[tuple[str, str]]:
    """Each long cell is stopped after a second, and must run when asked again."""
    wrong, count = [], 0
    with kernel() as k:
        k.run("import torch, torchvision, captum, sklearn, labkit.widgets")  # torch: once or never
        for place, cell in enumerate(cells_of(lab), 1):
            begun = time.monotonic()
            error = k.run(cell, interrupt_after=1.0)
            count += bool(error)
            if error and not error.startswith("KeyboardInterrupt"):
                wrong.append(f"cell {place}: {error[:150]}")
            if time.monotonic() - begun > 8 and error:
                wrong.append(f"cell {place}: stopped only after {time.monotonic() - begun:.0f} s")
            if error and (again := k.run(cell)):
                wrong.append(f"cell {place}, again: {again[:150]}")
    yield f"interrupts ({count})", "; ".join(wrong[:3]) or "ok"


def hostile(lab: str) -> Iterator[tuple[str, str]]:
    """No network and nothing to write to; then a little disk that is full."""
    if sys.platform != "linux" or os.geteuid():
        yield "no network, read-only", "skipped: needs Linux and root"
        return
    with tempfile.TemporaryDirectory() as place:
        for name, size, options in (
            ("no network, read-only", "1m", ["-o", "remount,ro"]),
            ("full disk", "200k", None),
        ):
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True
            )
            try:
                if options:
                    subprocess.run(["mount", *options, place], check=True)
                home = {"LABKIT_DATA": place + "/data", "LABKIT_RUNS": place, "HOME": place}
                with kernel(["unshare", "-n"], LABKIT_PROGRESS="on", **home) as k:
                    yield name, failures(k.run, cells_of(lab))
            finally:
                subprocess.run(["umount", place], check=True)


def main(labs: list[str]) -> int:
    known = sorted(p.name[:2] for p in (ROOT / "labs/solutions").glob("*.ipynb"))
    bad = 0
    for lab in labs or known:
        for trials in (handled, interrupted, hostile):
            for name, result in trials(lab):
                wrong = not (result == "ok" or result[0] in "+-s" or result[0].isdigit())
                bad += wrong
                print(f"{lab} | {name:22} | {'WRONG ' if wrong else ''}{result}", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

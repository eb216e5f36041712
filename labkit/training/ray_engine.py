"""Sweeps on many cores or machines: every run a Ray task, repeated where its machine dies."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from labkit.training.sweep import Found, Settings
from labkit.training.workers import Worker, worker


class Ray(NamedTuple):
    """An engine of `sweep`: runs on the cores and GPUs of this machine, or of a cluster.

    address: of a cluster that runs already ("auto" finds one started on this machine); None starts
    one here for this sweep. Its machines need labkit and, for notebooks, a folder they share.
    cpus, gpus: what one run gets; a fraction of a GPU lets runs share it
    retries: how often a run is begun again when its machine or process died. A run that fails by
    itself (a loss that is no longer finite, a notebook's cell) would fail again, and is reported.
    """

    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    retries: int = 3

    def __call__(
        self, missing: Sequence[Settings], spec: Mapping[str, Any], out: Path, device: str
    ) -> Iterator[tuple[Settings, Found]]:
        import ray

        started = missing and not ray.is_initialized()
        if started:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a lab tells nobody
            ray.init(self.address, log_to_driver=False, configure_logging=False)
        task = ray.remote(_run).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=self.retries
        )
        shared = json.dumps(dict(spec)), str(out.absolute()), device, max(1, int(self.cpus))
        waiting = {task.remote(*shared, settings): settings for settings in missing}
        try:
            while waiting:
                (done,), _ = ray.wait([*waiting], num_returns=1)
                yield waiting.pop(done), _found(done)
        finally:
            for left in waiting:
                ray.cancel(left, force=True)
            if started:
                ray.shutdown()


def _found(reference: Any) -> Found:
    """The record, or why there is none; ValueError, a mistake in the spec, ends the sweep."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ValueError):
            raise error.cause from None
        return error.cause
    except ray.exceptions.RayError as error:  # the process or the machine died, every time
        return error


def _run(spec: str, out: str, device: str, threads: int, settings: Settings) -> dict[str, Any]:
    torch.set_num_threads(threads)
    return _worker(spec, out, device).run(settings)


@lru_cache(maxsize=1)
def _worker(spec: str, out: str, device: str) -> Worker:
    """This process's worker: the next run finds the pictures and the teacher's answers."""
    return worker(json.loads(spec), Path(out), device)

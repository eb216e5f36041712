"""What this process may use: cores and memory as its container grants them, not as the host has."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")  # tests put a made-up machine here


def cores() -> float:
    """CPU cores this process can keep busy: its affinity, cut by the container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return min([allowed, *_quotas()])


def memory() -> tuple[int | None, int | None]:
    """Bytes of memory in all, and what can still be taken; None where the system does not tell."""
    total, free = _meminfo() if (ROOT / "proc/meminfo").exists() else _sysconf()
    for limit, used in _limits():
        total = limit if total is None else min(total, limit)
        free = limit - used if free is None else min(free, limit - used)
    return total, free


def _quotas() -> Iterator[float]:
    """The quotas that hold here, in cores: control groups of version 2, then of version 1."""
    for group in _groups(""):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        if quota.isdigit():  # else "max"
            yield int(quota) / int(period)
    for group in _groups("cpu"):
        quota, period = (_read(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota.isdigit():  # else -1
            yield int(quota) / int(period)


def _limits() -> Iterator[tuple[int, int]]:
    """(limit, used) in bytes; file pages that can be dropped do not count as used."""
    names = {
        "": ("memory.max", "memory.current", "inactive_file"),
        "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    }
    for controller, (limit_file, used_file, droppable) in names.items():
        for group in _groups(controller):
            limit, used = _read(group / limit_file), _read(group / used_file)
            if limit.isdigit() and used.isdigit():
                pages = dict(line.split() for line in _read(group / "memory.stat").splitlines())
                yield int(limit), int(used) - int(pages.get(droppable, 0))


def _groups(controller: str) -> Iterator[Path]:
    """The folders of our control group and of those above it; "" is the tree of version 2."""
    mount = ROOT / "sys/fs/cgroup" / controller
    for line in _read(ROOT / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            here = mount / path.lstrip("/")
            yield from (group for group in (here, *here.parents) if group.is_relative_to(mount))


def _meminfo() -> tuple[int | None, int | None]:
    lines = (line.split() for line in _read(ROOT / "proc/meminfo").splitlines())
    kilobytes = {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
    total, free = kilobytes.get("MemTotal"), kilobytes.get("MemAvailable")
    return total and total * 1024, free and free * 1024


def _sysconf() -> tuple[int | None, int | None]:
    """macOS tells the total only, Windows nothing."""
    found: list[int | None] = []
    for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"):
        try:
            found.append(os.sysconf(name) * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, ValueError, OSError):
            found.append(None)
    return found[0], found[1]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""

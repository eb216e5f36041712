"""The doctor: facts in, verdicts and advice out; and what the machine really grants."""

import importlib.metadata
import os
import sys
import types

import pytest
import torch

from labkit import training
from labkit.training import facts as room
from labkit.training import machine
from labkit.training.doctor import HOSTS, diagnose

WELL = {
    "python": "3.12.1",
    "labkit": "0.1.0",
    "packages": {
        **{"torch": "2.15.0", "torchvision": "0.29.2", "ipywidgets": "8.1.9", "plotly": "7.1.0"},
        **{"anywidget": "0.11.0", "jupyterlab": "4.6.6", "jupyterlab_widgets": "3.0.17"},
    },
    "torchvision_error": "",
    "torchvision_wants": "",
    **{"device": "cpu", "device_name": "x86_64, AVX2", "gpu_memory": None, "cuda": None},
    **{"nvidia": False, "cores": 2, "host_cores": 8, "threads": 2, "memory": (16e9, 8e9)},
    **{"cache": "/data/cache", "cache_bytes": 12e6, "writable": True, "disk_free": 50e9},
    **{"host": "jupyter", "driver": "thread", "rate": 3000.0, "precision": "fp32"},
    "reference": {"rate": 3000, "seconds": 110, "cores": 2},
}


def row(what, **changed):
    """The row named `what` of a healthy machine with some facts changed."""
    packages = WELL["packages"] | changed.pop("packages", {})
    report = diagnose(WELL | {"packages": packages} | changed)
    return next(row for row in report.rows() if row.what == what)


def test_a_healthy_machine_has_no_problems_and_nothing_to_note():
    report = diagnose(WELL)
    assert {row.verdict for row in report.rows()} == {"ok"}
    assert report.problems == [] and report.summary == "No problems found."


@pytest.mark.parametrize(
    ("what", "changed", "verdict", "advice"),
    [
        ("jupyterlab_widgets", {"packages": {"jupyterlab_widgets": None}}, "problem", "==3.*"),
        ("jupyterlab_widgets", {"packages": {"jupyterlab_widgets": "1.1.1"}}, "problem", "==3.*"),
        ("jupyterlab_widgets", {"packages": {"ipywidgets": "7.7.1"}}, "problem", "==1.*"),
        ("anywidget", {"packages": {"anywidget": None}}, "problem", "install anywidget"),
        ("anywidget", {"packages": {"anywidget": None, "plotly": "5.24.1"}}, "note", "anywidget"),
        ("ipywidgets", {"packages": {"ipywidgets": None}}, "problem", "install ipywidgets"),
        ("torchvision", {"packages": {"torchvision": None}}, "problem", "install torchvision"),
        ("torchvision", {"torchvision_error": "RuntimeError: nms"}, "problem", "both at once"),
        ("torchvision", {"torchvision_wants": "torch==2.11.0"}, "problem", "both at once"),
        ("torch threads", {"threads": 8}, "note", "set_num_threads(2)"),
        ("torch threads", {"threads": 2, "cores": 0.5}, "note", "OMP_NUM_THREADS=1"),
        ("memory", {"memory": (16e9, 1.9e9)}, "problem", "2 GB"),
        ("disk", {"disk_free": 0.9e9}, "problem", "LABKIT_DATA"),
        ("cache", {"writable": False}, "note", "LABKIT_DATA"),
        ("device", {"nvidia": True}, "note", "install a CUDA build"),
        ("device", {"nvidia": True, "cuda": "13.2"}, "note", "CUDA_VISIBLE_DEVICES"),
        ("lab 01", {"rate": 300.0}, "note", "smoke budget"),
    ],
)
def test_a_known_trouble_is_found_and_the_advice_says_what_to_do(what, changed, verdict, advice):
    found = row(what, **changed)
    assert found.verdict == verdict
    assert advice in found.advice


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("jupyterlab_widgets", {"packages": {"ipywidgets": "7.7.1", "jupyterlab_widgets": "1.1"}}),
        ("jupyterlab_widgets", {"packages": {"jupyterlab": None, "jupyterlab_widgets": None}}),
        ("torch threads", {"threads": 2, "cores": 2.5}),
        ("memory", {"memory": (16e9, None)}),
        ("memory", {"memory": (None, None)}),
        ("device", {"device": "mps", "device_name": "arm64"}),
        ("lab 01", {"reference": None}),
    ],
)
def test_what_is_unknown_or_fits_is_no_trouble(what, changed):
    assert row(what, **changed).verdict == "ok"


@pytest.mark.parametrize(("rate", "seconds"), [(3000.0, 110), (6000.0, 60), (1500.0, 210)])
def test_the_lab_s_time_scales_with_the_speed_but_for_its_fixed_part(rate, seconds):
    value = row("lab 01", rate=rate).value
    assert f"about {seconds} s for lab 01 at the lecture budget here" in value
    assert "110 s on the reference machine" in value


def test_a_gpu_is_named_with_its_memory():
    gpu = {"device": "cuda", "device_name": "Some GPU", "cuda": "13.2", "gpu_memory": (70e9, 80e9)}
    assert row("device", **gpu).value == "Some GPU, CUDA 13.2, 70 of 80 GB free"


def test_the_text_is_aligned_and_ends_with_the_problems():
    report = diagnose(WELL | {"threads": 9, "memory": (4e9, 1e9)})
    width = len("jupyterlab_widgets")
    assert all(f"  {row.what:{width}}  {row.value}" in str(report) for row in report.rows())
    note, problem, summary = str(report).splitlines()[-3:]
    assert note.startswith("note: torch threads: 9 threads share 2 cores")
    assert problem.startswith("problem: memory: A lab needs 2 GB")
    assert summary == "To mend first: memory."


@pytest.mark.slow
def test_quick_finds_this_environment_and_times_nothing(monkeypatch, tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    monkeypatch.setattr(room, "_timed", None)  # calling it would fail
    report = training.doctor(quick=True)
    assert report.facts["packages"]["torch"] == torch.__version__
    assert report.facts["threads"] == torch.get_num_threads()
    assert (report.facts["cache"], report.facts["cache_bytes"]) == (str(tmp_path), 5)
    assert report.facts["torchvision_error"] == report.facts["torchvision_wants"] == ""
    assert "not timed" in str(report)


@pytest.mark.slow
def test_the_speed_found_is_that_of_a_training_step(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    report = training.doctor()
    assert report.facts["precision"] in ("fp32", "bf16")
    assert 10 < report.facts["rate"] < 1e7  # images/s
    assert "for lab 01 at the lecture budget here" in str(report)


def test_a_torchvision_that_fails_to_import_is_reported(monkeypatch):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(room.importlib, "import_module", broken)
    assert room._torchvision()["torchvision_error"].startswith("RuntimeError: operator")


@pytest.mark.parametrize(("line", "wants"), [("torch==1.0.0", "torch==1.0.0"), ("torch>=2", "")])
def test_the_torch_that_torchvision_was_made_for(monkeypatch, line, wants):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy", line])
    assert room._torchvision()["torchvision_wants"] == wants


def test_the_host_as_far_as_the_kernel_knows(monkeypatch):
    for name in ("google.colab", "ipykernel", "IPython"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    seen = [room.host()]
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    seen.append(room.host())
    monkeypatch.setenv("JPY_SESSION_NAME", "/labs/00.ipynb")
    seen.append(room.host())
    shell = types.SimpleNamespace(user_ns={"__vsc_ipynb_file__": "/labs/00.ipynb"})
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    seen.append(room.host())
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    seen.append(room.host())
    assert seen == ["terminal", "kernel", "jupyter", "vscode", "colab"]
    assert set(seen) == set(HOSTS)


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A made-up machine: container({path: text}) writes its files. Its host has 64 cores, 64 GB."""
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)

    def write(files):
        meminfo = {
            "proc/meminfo": "MemTotal: 64000000 kB\nMemFree: 1 kB\nMemAvailable: 32000000 kB"
        }
        for name, text in (meminfo | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


def test_without_a_container_the_host_s_own_numbers_hold(container):
    container({})
    assert machine.cores() == 64
    assert machine.memory() == (64_000_000 * 1024, 32_000_000 * 1024)


def test_a_quota_of_version_2_on_a_group_above_ours_holds(container):
    container(
        {
            "proc/self/cgroup": "0::/pod/me",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000",
            "sys/fs/cgroup/pod/me/cpu.max": "max 100000",
            "sys/fs/cgroup/pod/memory.max": "4000000000",
            "sys/fs/cgroup/pod/memory.current": "3000000000",
            "sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file 500000000",
            "sys/fs/cgroup/pod/me/memory.max": "max",
            "sys/fs/cgroup/pod/me/memory.current": "1",
        }
    )
    assert machine.cores() == 1.5
    assert machine.memory() == (4_000_000_000, 1_500_000_000)


def test_quotas_of_version_1_hold_too(container):
    container(
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",  # a container sees itself at the top
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1800000000",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 7\ntotal_inactive_file 300000000",
        }
    )
    assert machine.cores() == 2
    assert machine.memory() == (2_000_000_000, 500_000_000)


def test_where_the_system_tells_nothing_nothing_is_claimed(container, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert machine.cores() == 10
    assert machine.memory() == (None, None)

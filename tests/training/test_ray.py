"""Sweeps on Ray: the same records as without it, and none lost or doubled when a machine dies."""

import json
import os
import threading
import time

from pytest import fixture, mark, raises

from labkit.training import sweep as sweeps
from labkit.training.ray_engine import Ray

pytestmark = mark.slow
SPEC = {
    "baseline": "labels",
    "data": {"name": "motif100", "train": 128, "val": 64, "test": 64, "difficulty": 0.1},
    "teacher": "resnet20",
    "student": "convnet",
    "epochs": 1,
    "batch_size": 64,
    "precision": "fp32",
    "rows": {
        "labels": {"method": "cross-entropy", "seeds": 4},
        "kd": {"method": "kd", "seeds": 4},
    },
}
SMALL = {"object_store_memory": 100_000_000}
PLAIN = ("seconds", "versions")  # what may differ from one process to another


@fixture(scope="module")
def cluster():
    """A head that does no work, so that the runs are on the machines that are added."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    ray.init(made.address, log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.shutdown()


def results(records):
    return [{k: v for k, v in r.items() if k not in PLAIN} for r in records]


def lines(out):
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_the_records_are_those_of_one_process_though_a_machine_dies(cluster, tmp_path):
    first, second = (cluster.add_node(num_cpus=1, **SMALL) for _ in range(2))
    cluster.wait_for_nodes()
    out = tmp_path / "ray.jsonl"

    def kill_one():
        while not out.is_file() or not out.read_text():
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = sweeps.sweep(SPEC, out, device="cpu", engine=Ray())
    killer.join()
    assert len(lines(out)) == len(found) == 8, "one line for each run"
    assert len({json.dumps(r["run"], sort_keys=True) for r in lines(out)}) == 8
    assert results(found) == results(sweeps.sweep(SPEC, tmp_path / "here.jsonl", device="cpu"))
    cluster.remove_node(first, allow_graceful=False)


def test_a_run_that_fails_is_reported_and_the_others_are_kept(cluster, tmp_path):
    cluster.add_node(num_cpus=1, **SMALL)
    cluster.wait_for_nodes()
    out = tmp_path / "runs.jsonl"
    wild = {"method": "cross-entropy", "learning_rate": 1e30, "seeds": 1}
    spec = {**SPEC, "rows": {"wild": wild, "labels": {"method": "cross-entropy", "seeds": 1}}}
    for engine in (Ray(), None):  # with Ray first, then what is still missing without
        with raises(sweeps.RunsFailed, match=r"1 of .* runs failed(.|\n)*wild seed 0: Floating"):
            sweeps.sweep(spec, out, device="cpu", engine=engine)
        assert [r["run"]["label"] for r in lines(out)] == ["labels"]
    spec = {**SPEC, "rows": {"labels": {"method": "kdd", "seeds": 1}}}
    with raises(ValueError, match="Did you mean 'kd'"):
        sweeps.sweep(spec, tmp_path / "other.jsonl", device="cpu", engine=Ray())


def test_notebooks_too(cluster, tmp_path):
    import nbformat

    cluster.add_node(num_cpus=1, **SMALL)
    cluster.wait_for_nodes()
    python = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    lab = nbformat.v4.new_notebook(metadata=python)
    for tag, source in (("parameters", "K = 1\nSEED = 0"), ("name:sum", "print(K + SEED)")):
        lab.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))
    nbformat.write(lab, tmp_path / "tiny.ipynb")
    spec = {"notebook": str(tmp_path / "tiny.ipynb"), "rows": {"more": {"K": [3, "four"]}}}
    out = tmp_path / "runs.jsonl"
    with raises(sweeps.RunsFailed, match=r"1 of 2 runs failed(.|\n)*TypeError"):
        sweeps.sweep(spec, out, engine=Ray())
    (record,) = lines(out)
    assert record["printed"] == {"sum": "3\n"} and record["run"]["K"] == 3
    assert record["notebook"] == str(tmp_path / "runs" / "more-K=3.ipynb")
    spec["rows"]["more"]["K"] = [3, 5]
    found = sweeps.sweep(spec, out)  # in this process, and only what is missing
    assert [r["printed"]["sum"] for r in found] == ["3\n", "5\n"] and len(lines(out)) == 2
    with raises(ValueError, match="unknown parameter 'NEGATIVES'"):
        sweeps.sweep({**spec, "rows": {"more": {"NEGATIVES": 3}}}, out)

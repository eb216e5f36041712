"""The benches: both ways show the same pictures, and a tiny run gives every number."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from labkit import cli, data, models, training
from labkit.data.types import channel_statistics
from labkit.training import METHODS, bench_loop, bench_methods, bench_rows
from labkit.training import bench_data as module
from labkit.training.bench import bench
from labkit.training.bench_data import WrittenCIFAR10, bench_data, write_cifar10, write_tree
from labkit.training.bench_plain import Pictures, PlainLoop, loader

CPU = torch.device("cpu")


def test_torchvision_reads_what_was_written_as_our_pictures(tmp_path):
    split = data.motif.render(53)
    write_cifar10(tmp_path, split)
    read = WrittenCIFAR10(tmp_path, train=True)
    pictures = torch.from_numpy(read.data).permute(0, 3, 1, 2)
    assert torch.equal(pictures, split.images)
    assert read.targets == (split.labels % 10).tolist()


def test_both_ways_give_batches_of_the_same_kind(tmp_path):
    """All pictures alike and grey: whatever the crop, no value differs but the black border."""
    images = torch.full((256, 3, 32, 32), 128, dtype=torch.uint8)
    images[:, :, 0, 0] = 200  # some spread
    split = data.Split(images, torch.arange(256) % 10)
    mean, std = channel_statistics(images)
    dataset = data.Dataset("flat", ("a",), split, split, split, None, (), mean, std)
    write_cifar10(tmp_path, split)
    theirs, labels = next(iter(module._theirs(tmp_path, dataset)()))
    ours = next(module._ours(dataset))
    assert theirs.shape == ours.images.shape and theirs.dtype == ours.images.dtype
    assert labels.dtype == ours.labels.dtype
    for pixels in (theirs, ours.images):
        values = pixels[:, 0].unique()
        expected = (torch.tensor([0, 128, 200]) / 255 - mean[0]) / std[0]
        near = (values[:, None] - expected).abs().min(1).values
        assert near.max() < 1e-3 and len(values) >= 3


def test_a_tree_of_jpegs_is_read_back(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    tree = write_tree(tmp_path / "tree", 400)
    assert len(list(tree.glob("class*/*.jpg"))) == 400
    read = data.load(f"folder:{tree}", progress=False)
    assert read.classes == 100


@pytest.mark.slow
def test_a_tiny_run_has_every_part(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    found = bench_data(rounds=1, pictures=640, drawn=200, files=400)
    rates = found["batches"]
    assert rates["ours_images_per_second"] > rates["torchvision_images_per_second"] > 0
    assert rates["ratio"] > 1
    for part, count in (("motif100", "pictures"), ("folder", "files")):
        assert found[part]["first_seconds"] > 0 and found[part]["second_seconds"] > 0
        assert found[part][count] in (200, 400)
    assert os.environ["LABKIT_DATA"] == str(tmp_path) and not list(tmp_path.iterdir())


def test_a_part_of_size_zero_is_left_out(monkeypatch):
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    assert set(bench_data(pictures=0, drawn=0, files=0)) == {"versions"}
    assert "LABKIT_DATA" not in os.environ


@pytest.mark.slow
def test_the_training_bench_has_every_part(monkeypatch, capsys):
    """Loops and costs have tests of their own below."""
    monkeypatch.setattr("labkit.training.bench.NETWORKS", ("convnet",))
    monkeypatch.setattr(bench_loop, "loops", lambda name, rounds, device: {"ratio": rounds})
    monkeypatch.setattr(bench_methods, "costs", lambda rounds, device: {"methods": rounds})
    found = bench(rounds=1, images=100)
    assert found["render_ms_per_image"] > 0
    assert set(found["import_seconds"]) == {"torch", "labkit", "rooms"}
    assert set(found["train_step"]) == {"convnet"} and found["train_step"]["convnet"]["ratio"] > 0
    assert found["train_loop"] == {name: {"ratio": 1} for name in bench_loop.LOOPS}
    assert found["method_cost"] == {"methods": 4}
    printed = capsys.readouterr()
    assert printed.out == "" and "resnet20: a whole training loop" in printed.err


@pytest.fixture
def few(monkeypatch, tmp_path):
    """128 pictures of Motif-100, in a store of their own."""
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    return data.load("motif100", train=128, val=100, test=100, progress=False)


def test_the_plain_loop_shows_the_pictures_the_data_set_has(few):
    batches = loader(few, batch_size=32, workers=0)
    images, labels = next(iter(batches))
    assert images.shape == (32, 3, 32, 32) and images.dtype == torch.float32
    assert labels.dtype == torch.int64 and len(batches.dataset) == 128
    picture, label = Pictures(few.train, lambda picture: picture)[7]
    ours = few.train.images[7].permute(1, 2, 0)
    assert torch.equal(torch.from_numpy(np.array(picture)), ours) and label == few.train.labels[7]


def test_the_plain_loop_normalises_as_ours(few):
    """Not random: the middle pixel of a blank picture, whatever the crop and the flip."""
    blank = data.Split(torch.full((8, 3, 32, 32), 100, dtype=torch.uint8), torch.arange(8))
    flat = replace(few, train=blank)
    images, _ = next(iter(loader(flat, batch_size=8, workers=0)))
    expected = (100 / 255 - few.mean) / few.std
    torch.testing.assert_close(images[:, :, 16, 16], expected.expand(8, 3), atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_the_plain_loop_learns(few):
    loop = PlainLoop(models.build("convnet", 100), loader(few, batch_size=16, workers=0), CPU)
    first, _, last = (loop.epoch() for _ in range(3))
    assert last < first


def test_a_round_of_ours_ends_before_the_evaluation(monkeypatch):
    """Seconds run to the last step; the evaluation is gone through and not timed."""
    clock = iter([10.0, 11.0, 13.0])
    monkeypatch.setattr(bench_loop, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    steps = [training.Step(n, n / 2, {}, 0.0) for n in (1, 2)]
    events = iter([*steps, training.Evaluation(2, 1.0, {}), training.Step(3, 1.5, {}, 0.0)])
    assert bench_loop._epoch(events) == 3.0
    assert next(events).step == 3


@pytest.mark.slow
def test_three_ways_to_train_are_compared(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    monkeypatch.setattr(bench_loop, "worker_counts", lambda: [0])
    found = bench_loop.loops("convnet", rounds=2, device=CPU, steps=2)
    plain, ours, bare = (found[f"{w}_images_per_second"] for w in ("plain", "ours", "bare"))
    assert min(plain, ours, bare) > 0 and found["workers"] == 0
    assert found["precision"] in ("fp32", "bf16")
    assert found["ratio"] > 0 and found["share_of_bare"] > 0


def test_workers_are_two_or_one_for_each_core(monkeypatch):
    for cores, counts in ((1.0, [1, 2]), (2.0, [2]), (16.0, [2, 16])):
        monkeypatch.setattr(bench_loop, "cores", lambda cores=cores: cores)
        assert bench_loop.worker_counts() == counts


@pytest.mark.slow
def test_every_method_s_cost_is_a_share_of_its_step(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    monkeypatch.setattr(bench_methods, "REPEAT", {})
    found = bench_methods.costs(teacher="resnet14", rounds=1, device=CPU)
    assert set(found["methods"]) == set(METHODS)
    student, teacher = found["student_ms"], found["teacher_ms"]
    for name, row in found["methods"].items():
        networks = student + (teacher if METHODS[name].asks != "nothing" else 0)
        assert 0 < row["share"] < 1
        share = row["loss_ms"] / (networks + row["loss_ms"])
        assert row["share"] == pytest.approx(share, abs=0.01)
    with pytest.raises(ValueError, match="Did you mean 'kd'"):
        bench_methods.costs(["kdd"], teacher="resnet8", rounds=1, device=CPU)


def test_the_command_prints_and_writes_the_bench_that_was_asked_for(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "bench_data", lambda: {"kind": "data"})
    monkeypatch.setattr("labkit.training.bench.bench", lambda: {"kind": "training"})
    for arguments, kind in (([], "training"), (["training"], "training"), (["data"], "data")):
        out = tmp_path / f"{kind}.json"
        assert cli.main(["bench", *arguments, "--out", str(out)]) == 0
        assert yaml.safe_load(capsys.readouterr().out) == {"kind": kind}
        assert cli.main(["bench", *arguments, "--json"]) == 0
        assert json.loads(out.read_text()) == json.loads(capsys.readouterr().out) == {"kind": kind}


def test_what_the_rows_of_a_spec_add(monkeypatch):
    monkeypatch.setattr(bench_methods, "REPEAT", {})
    spec = {
        "data": {"name": "motif100", "train": 256, "val": 9, "test": 9, "difficulty": 0.1},
        "pairs": {"one": {"teacher": "resnet14", "student": "convnet"}},
        "rows": {
            "labels": {"method": "cross-entropy", "seeds": 2},
            "kd": {"method": "kd", "seeds": 2},
            "few": {"method": "crd", "negatives": 16, "seeds": 1},
            "many": {"method": "crd", "negatives": 4096, "seeds": 1},
        },
    }
    found = bench_rows.rows(spec, rounds=3)["pairs"]["one"]
    middle = {label: sorted(times)[1] for label, times in found["ms"].items()}
    assert all(len(times) == 3 for times in found["ms"].values())
    assert abs(middle["labels"]) < middle["kd"] < middle["many"]  # the teacher costs something
    assert found["mib"]["few"] + 1 < found["mib"]["many"]  # 64 x 4,096 scores are a megabyte
    assert found["step_ms"] > 0
    spec["rows"]["few"]["negatives"] = [1, 2]
    with pytest.raises(ValueError, match="'few' has several values"):
        bench_rows.rows(spec)

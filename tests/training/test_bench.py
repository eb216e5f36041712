"""The benches: both ways show the same pictures, and a tiny run gives every number."""

import json
import os

import pytest
import torch

from labkit import cli, data
from labkit.data.types import channel_statistics
from labkit.training import bench_data as module
from labkit.training.bench import bench
from labkit.training.bench_data import WrittenCIFAR10, bench_data, write_cifar10, write_tree


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
def test_the_training_bench_compares_every_network(monkeypatch):
    monkeypatch.setattr("labkit.training.bench.NETWORKS", ("convnet",))
    found = bench(rounds=1, images=100)
    assert found["render_ms_per_image"] > 0
    assert set(found["import_seconds"]) == {"torch", "labkit", "rooms"}
    assert set(found["train_step"]) == {"convnet"} and found["train_step"]["convnet"]["ratio"] > 0


def test_the_command_prints_and_writes_the_bench_that_was_asked_for(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "bench_data", lambda: {"kind": "data"})
    monkeypatch.setattr("labkit.training.bench.bench", lambda: {"kind": "training"})
    for arguments, kind in (([], "training"), (["training"], "training"), (["data"], "data")):
        out = tmp_path / f"{kind}.json"
        assert cli.main(["bench", *arguments, "--out", str(out)]) == 0
        assert json.loads(out.read_text()) == json.loads(capsys.readouterr().out) == {"kind": kind}

"""Folders of pictures: splits, subsets, odd files, and what is said when something is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labkit.data import decoding, load, progress
from labkit.data.folder import natural


def picture(path: Path, colour=(200, 30, 90), size=(32, 32), mode="RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def tree(root: Path, classes=("cat", "dog"), each=20) -> Path:
    """Class c's picture k has red 40 * c and green k, so that each can be told from its pixels."""
    for label, name in enumerate(classes):
        for k in range(each):
            picture(root / name / f"{k}.png", (40 * label, k, 7))
    return root


def marks(split) -> set[tuple[int, int]]:
    return {tuple(image[:2, 5, 5].tolist()) for image in split.images}


def test_one_folder_per_class_is_split_80_10_10(tmp_path):
    data = load(f"folder:{tree(tmp_path)}")
    assert [len(data.train), len(data.val), len(data.test)] == [32, 4, 4]
    for split in (data.train, data.val, data.test):
        assert torch.bincount(split.labels).unique().numel() == 1
        assert torch.equal(split.images[:, 0, 0, 0].long(), 40 * split.labels)
    assert len(marks(data.train) | marks(data.val) | marks(data.test)) == 40
    assert data.class_names == ("cat", "dog") and data.coarse is None and data.classes == 2
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape == (32, 3, 32, 32)


def test_the_split_depends_on_the_seed_alone(tmp_path):
    path = f"folder:{tree(tmp_path)}"
    one, two, other = load(path, seed=1), load(path, seed=1), load(path, seed=2)
    assert torch.equal(one.train.images, two.train.images)
    assert marks(one.test) == marks(two.test) != marks(other.test)


def test_named_splits_are_kept(tmp_path):
    for name in ("train", "valid", "test"):
        tree(tmp_path / name, each={"train": 6, "valid": 3, "test": 2}[name])
    data = load(f"folder:{tmp_path}")
    assert [len(data.train), len(data.val), len(data.test)] == [12, 6, 4]


def test_validation_is_carved_out_of_training_where_missing(tmp_path):
    tree(tmp_path / "Train", each=20)
    tree(tmp_path / "test", each=5)
    data = load(f"folder:{tmp_path}")
    assert [len(data.train), len(data.val), len(data.test)] == [36, 4, 10]
    assert not marks(data.train) & marks(data.val)
    assert torch.bincount(data.val.labels).tolist() == [2, 2]


def test_a_class_called_train_is_a_class(tmp_path):
    data = load(f"folder:{tree(tmp_path, classes=('bus', 'train'))}")
    assert data.class_names == ("bus", "train")


def test_two_folders_for_one_split(tmp_path):
    for name in ("train", "val", "validation"):
        tree(tmp_path / name, each=3)
    with pytest.raises(ValueError, match="two folders for val"):
        load(f"folder:{tmp_path}")


def test_numbers_take_balanced_nested_subsets(tmp_path):
    path = f"folder:{tree(tmp_path, classes=('a', 'b', 'c'), each=30)}"
    small, large = load(path, train=10, val=3, test=4), load(path, train=20, val=3, test=4)
    assert torch.bincount(small.train.labels).tolist() == [4, 3, 3]
    assert [len(small.val), len(small.test)] == [3, 4]
    assert marks(small.train) < marks(large.train)
    assert marks(small.test) == marks(large.test)


def test_only_the_subset_is_read(tmp_path, monkeypatch):
    seen = []
    read = decoding.read_image
    monkeypatch.setattr(decoding, "read_image", lambda path: seen.append(path) or read(path))
    load(f"folder:{tree(tmp_path)}", train=6, val=2, test=2)
    assert len(seen) == 10


def test_asking_for_more_than_there_is(tmp_path):
    with pytest.raises(ValueError, match=r"train=99, but .* has only 32 images for train"):
        load(f"folder:{tree(tmp_path)}", train=99)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["train", "val", "test"]),
    st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.text()),
)
def test_bad_numbers_are_named(name, value):
    for source in ("folder:nowhere", "motif100"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
            load(source, **{name: value})


def test_natural_class_order(tmp_path):
    classes = ("class10", "class2", "Class1")
    data = load(f"folder:{tree(tmp_path, classes=classes, each=3)}")
    assert data.class_names == ("Class1", "class2", "class10")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), max_size=5))
def test_any_names_can_be_sorted(names):
    forwards, backwards = sorted(names, key=natural), sorted(names, key=natural, reverse=True)[::-1]
    assert [natural(name) for name in forwards] == [natural(name) for name in backwards]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    tree(tmp_path / "mine", each=3)
    assert len(load("folder:~/mine").train) == 2


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    file = tmp_path / f"x.{suffix}"
    if mode == "I;16":
        Image.fromarray(np.full((32, 32), 204 * 256, np.uint16)).save(file)
    else:
        picture(file, (204, 204, 204), mode=mode)
    pixels = decoding.read_image(file)
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    if mode != "1":  # black and white dither
        assert np.abs(pixels.astype(int) - 204).max() <= 1


def test_transparency_shows_white(tmp_path):
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert decoding.read_image(tmp_path / "clear.png").min() == 255


def test_large_and_long_pictures_show_their_middle_square(tmp_path):
    wide = np.zeros((64, 200, 3), np.uint8)
    wide[:, 68:132] = 250  # the middle 64 columns
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        assert decoding.read_image(tmp_path / name).min() == 250
    picture(tmp_path / "thin.png", size=(500, 1))
    assert decoding.read_image(tmp_path / "thin.png").shape == (32, 32, 3)


def test_photos_are_turned_as_the_camera_was(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:8] = 255  # bright on top, as stored
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    turned = decoding.read_image(tmp_path / "turned.png")
    assert turned[:8].max() == 0 and turned[-8:].min() == 255


def test_other_files_and_hidden_files_are_left_alone(tmp_path):
    tree(tmp_path, each=3)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "cat" / "._0.png").write_text("left by another system")
    (tmp_path / ".git" / "deep").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cat", "dog")
    assert len(data.train) + len(data.val) + len(data.test) == 6


def test_pictures_may_lie_deeper(tmp_path):
    for name in ("cat", "dog"):
        for k in range(3):
            picture(tmp_path / name / "images" / f"{k}.png")
    assert load(f"folder:{tmp_path}").class_names == ("cat", "dog")


@pytest.mark.parametrize("path", ["", "  "])
def test_no_path(path):
    with pytest.raises(ValueError, match="needs a path"):
        load(f"folder:{path}")


def test_missing_folder_and_file_instead(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        load(f"folder:{tmp_path / 'nowhere'}")
    picture(tmp_path / "one.png")
    with pytest.raises(NotADirectoryError, match="is a file"):
        load(f"folder:{tmp_path / 'one.png'}")


def test_no_images(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        load(f"folder:{tmp_path}")
    picture(tmp_path / "loose.png")
    with pytest.raises(ValueError, match="only images outside class folders"):
        load(f"folder:{tmp_path}")


def test_one_class(tmp_path):
    tree(tmp_path, classes=("cat",))
    with pytest.raises(ValueError, match="only one class, 'cat'"):
        load(f"folder:{tmp_path}")


def test_one_level_too_high_is_recognised(tmp_path):
    tree(tmp_path / "archive")
    with pytest.raises(ValueError, match=r"did you mean \"folder:.*archive\"\?"):
        load(f"folder:{tmp_path}")


def test_classes_that_differ_between_splits(tmp_path):
    tree(tmp_path / "train", classes=("cat", "dog", "owl"), each=3)
    tree(tmp_path / "test", classes=("cat", "cow", "dog"), each=3)
    with pytest.raises(ValueError, match=r"test lacks \['owl'\] and has besides \['cow'\]"):
        load(f"folder:{tmp_path}")


def test_too_few_pictures_for_three_splits(tmp_path):
    with pytest.raises(ValueError, match="too few images to make a val split"):
        load(f"folder:{tree(tmp_path, each=1)}")


def spoil(root: Path) -> Path:
    bad = root / "dog" / "0.png"
    bad.write_bytes(bad.read_bytes()[:40])
    return bad


def test_a_corrupt_picture_is_named_and_can_be_skipped(tmp_path):
    bad = spoil(tree(tmp_path))
    with pytest.raises(ValueError, match=r'0\.png .*on_bad_image="skip"') as caught:
        load(f"folder:{tmp_path}")
    assert str(bad) in str(caught.value) and caught.value.__cause__ is None
    with pytest.warns(UserWarning, match=r"skipped 1 unreadable images, first .*0\.png"):
        data = load(f"folder:{tmp_path}", on_bad_image="skip")
    assert len(data.train) + len(data.val) + len(data.test) == 39
    assert torch.equal(data.train.images[:, 0, 0, 0].long(), 40 * data.train.labels)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_any_rubbish_is_a_corrupt_picture(tmp_path, content):
    tree(tmp_path)
    (tmp_path / "cat" / "3.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read image .*3\.png"):
        load(f"folder:{tmp_path}")


def test_a_class_without_a_readable_picture(tmp_path):
    tree(tmp_path)
    for file in (tmp_path / "dog").iterdir():
        file.write_text("no")
    with (
        pytest.raises(ValueError, match="no image of dog in train could be read"),
        pytest.warns(UserWarning),
    ):
        load(f"folder:{tmp_path}", on_bad_image="skip")


def test_on_bad_image_is_checked(tmp_path):
    with pytest.raises(ValueError, match="unknown on_bad_image 'ignore': choose from raise, skip"):
        load(f"folder:{tree(tmp_path, each=3)}", on_bad_image="ignore")


def test_progress_speaks_only_when_it_takes_long(tmp_path, monkeypatch, capsys):
    path = f"folder:{tree(tmp_path)}"
    load(path)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    load(path)
    out, err = capsys.readouterr()
    assert out.lstrip("\r").startswith(f"reading: {decoding.PART} of 40 images, ") and err == ""
    assert "reading: 40 images in 0 s" in out
    load(path, progress=False)
    assert capsys.readouterr() == ("", "")

"""Trees of image files: names, links, loops, and folders that cannot be looked into."""

import os
import unicodedata
from pathlib import Path

import pytest
import torch
from PIL import Image

from labkit.data import load
from labkit.data.folder import natural

links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def picture(path: Path, red: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (red, 30, 90)).save(path)


def tree(root: Path, classes=("cat", "dog"), each=5) -> Path:
    """Class c's pictures have red 40 * c."""
    for label, name in enumerate(classes):
        for k in range(each):
            picture(root / name / f"{k}.png", 40 * label)
    return root


def counts(path: Path) -> dict[str, int]:
    """Pictures per class over all splits, each with its own class's colour."""
    data = load(f"folder:{path}")
    found = torch.zeros(data.classes, dtype=torch.long)
    for split in (data.train, data.val, data.test):
        assert torch.equal(split.images[:, 0, 9, 9].long(), 40 * split.labels)
        found += torch.bincount(split.labels, minlength=data.classes)
    return dict(zip(data.class_names, found.tolist(), strict=True))


def twins(root: Path, one: str, other: str) -> None:
    tree(root, (one, "owl"))
    if (root / other).exists():
        pytest.skip("this file system takes the two names for one")
    tree(root, (other,))


def test_classes_that_differ_only_in_case(tmp_path):
    twins(tmp_path, "Cat", "cat")
    with pytest.raises(ValueError, match=r"two folders for one class, 'Cat' and 'cat'.*rename"):
        load(f"folder:{tmp_path}")


def test_a_twin_without_pictures_is_no_class(tmp_path):
    tree(tmp_path, ("cat", "owl"))
    (tmp_path / "Cat").mkdir(exist_ok=True)
    assert load(f"folder:{tmp_path}").classes == 2


def test_classes_that_only_look_alike(tmp_path):
    twins(tmp_path, unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"))
    with pytest.raises(ValueError, match=r"'e\\u0301' and '\\xe9'"):
        load(f"folder:{tmp_path}")


def test_splits_written_by_two_systems_have_the_same_classes(tmp_path):
    tree(tmp_path / "train", (unicodedata.normalize("NFC", "Käfer"), "Übung"))
    tree(tmp_path / "test", (unicodedata.normalize("NFD", "Käfer"), "Übung"))
    assert load(f"folder:{tmp_path}").class_names == ("Käfer", "Übung")


NAMES = [
    "with space",
    " 前後 ",
    "naïve-ß",
    "🐈",
    "100%",
    "a'b\"c",
    "dot.",
    "[x]*?",
    "x" * 200,
    "tab\t",
]


@pytest.mark.skipif(os.name == "nt", reason="not all of these are names on Windows")
@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path, name):
    classes = sorted(("aa", name), key=natural)
    tree(tmp_path, classes)
    picture(tmp_path / name / f"{name}.PNG", 40 * classes.index(name))
    assert set(counts(tmp_path).items()) == {("aa", 5), (name, 6)}


@pytest.mark.skipif(os.name == "nt", reason="names there are never stray bytes")
def test_names_that_are_not_text(tmp_path):
    tree(tmp_path, ("aa", "bb"))
    try:
        os.rename(tmp_path / "bb", os.path.join(os.fsencode(tmp_path), b"b\xff"))
    except OSError:
        pytest.skip("this file system takes only text")
    assert counts(tmp_path) == {"aa": 5, "b\ufffd": 5}


def test_hidden_folders_are_left_alone_at_any_depth(tmp_path):
    tree(tmp_path)
    picture(tmp_path / "cat" / ".thumbnails" / "0.png")
    picture(tmp_path / ".cache" / "0.png")
    assert counts(tmp_path) == {"cat": 5, "dog": 5}


def test_a_class_that_is_empty_in_one_split(tmp_path):
    tree(tmp_path / "train", ("cat", "dog"))
    tree(tmp_path / "test", ("cat", "dog", "owl"))
    (tmp_path / "train" / "owl").mkdir()
    with pytest.raises(ValueError, match=r"test lacks none and has besides \['owl'\]"):
        load(f"folder:{tmp_path}")


def test_folders_deeper_than_python_calls_itself(tmp_path):
    tree(tmp_path)
    here = tmp_path / "cat"
    for _ in range(60):
        here = here / "a"
    picture(here / "0.png")
    assert counts(tmp_path) == {"cat": 6, "dog": 5}


@links
def test_linked_files_folders_classes_splits_and_roots_are_followed(tmp_path):
    pool = tree(tmp_path / "pool", each=6)
    (tmp_path / "mine/train/cat").mkdir(parents=True)
    for k in range(4):
        (tmp_path / f"mine/train/cat/{k}.png").symlink_to(pool / f"cat/{k}.png")
    picture(tmp_path / "mine/train/dog/x.png", 40)
    (tmp_path / "mine/train/dog/more").symlink_to(pool / "dog")
    (tmp_path / "mine/test").symlink_to(pool)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    assert counts(tmp_path / "link") == {"cat": 4 + 6, "dog": 7 + 6}
    (tmp_path / "other").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "other" / name).symlink_to(pool / name)
    assert counts(tmp_path / "other") == {"cat": 6, "dog": 6}


@links
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("cat/here", "."), ("cat/up", ".."), ("cat/far", "../.."), ("cat/deep/back", ".."),
        ("cat/friend", "../dog"), ("again", "."), ("above", ".."), ("self", "self"),
        ("cat/self", "self"), ("cat/root", "/"),
    ],
)  # fmt: skip
def test_links_that_lead_back_end(tmp_path, link, target):
    tree(tmp_path / "mine")
    place = tmp_path / "mine" / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target, target_is_directory=True)
    assert counts(tmp_path / "mine") == {"cat": 5, "dog": 5}


@links
def test_a_loop_outside_the_tree_ends(tmp_path):
    tree(tmp_path / "mine")
    picture(tmp_path / "one" / "1.png")
    picture(tmp_path / "two" / "2.png")
    (tmp_path / "mine/cat/out").symlink_to(tmp_path / "one")
    (tmp_path / "one/next").symlink_to(tmp_path / "two")
    (tmp_path / "two/next").symlink_to(tmp_path / "one")
    assert counts(tmp_path / "mine") == {"cat": 7, "dog": 5}


@links
@pytest.mark.parametrize("target", ["nowhere.png", "x.png"])
def test_a_link_to_nowhere_or_itself_is_a_bad_image(tmp_path, target):
    (tree(tmp_path) / "cat" / "x.png").symlink_to(target)
    with pytest.raises(ValueError, match=r"cannot read image .*x\.png"):
        load(f"folder:{tmp_path}")
    with pytest.warns(UserWarning, match="skipped 1 unreadable") as said:
        load(f"folder:{tmp_path}", on_bad_image="skip")
    assert said[0].filename == __file__


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tree(tmp_path) / "cat" / "x.png")
    assert counts(tmp_path) == {"cat": 5, "dog": 5}


@pytest.mark.parametrize("closed", ["", "cat", "cat/inner"])
def test_a_closed_folder_is_named(tmp_path, closed, monkeypatch):
    picture(tree(tmp_path) / "cat/inner/9.png")
    scan = os.scandir

    def scandir(path):  # root may look everywhere: a mode would not keep a test out
        if Path(path) == tmp_path / closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(
        PermissionError, match=r"cannot look into folder .*Permission denied"
    ) as said:
        load(f"folder:{tmp_path}")
    assert repr(str(tmp_path / closed)) in str(said.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_is_really_closed(tmp_path):
    (tree(tmp_path) / "cat").chmod(0)
    try:
        with pytest.raises(PermissionError, match=r"cannot look into folder .*cat"):
            load(f"folder:{tmp_path}")
    finally:
        (tmp_path / "cat").chmod(0o700)


def test_a_home_that_nobody_has():
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load("folder:~nobody-of-this-name/pictures")

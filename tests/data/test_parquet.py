"""Parquet tables of pictures: read exactly, and refused when a picture is not what it should be."""

import numpy as np
import pytest
import torch
from PIL import Image

from labkit.data.parquet import read
from tests.data.tiny_cifar import encoded, parquet, pictures


def test_pictures_labels_and_names(tmp_path):
    images = pictures(600)
    labels = [row % 7 for row in range(600)]
    names = {"label": tuple("abcdefg")}
    path = parquet(tmp_path / "t.parquet", [encoded(x) for x in images], names, label=labels)
    table = read(path, ["label"])
    assert torch.equal(table.images, torch.from_numpy(images).permute(0, 3, 1, 2))
    assert table.images.is_contiguous()
    assert table.labels["label"].tolist() == labels and table.labels["label"].dtype == torch.int64
    assert table.names == names


def test_a_file_without_names(tmp_path):
    path = parquet(tmp_path / "t.parquet", [encoded(pictures(1)[0])], label=[0])
    assert read(path, ["label"]).names == {}


def image(mode="RGB", size=(32, 32)):
    return Image.new("RGB", size, (200, 30, 90)).convert(mode)


FRAMES = {"save_all": True, "append_images": [image().point(lambda v: v // 2)]}
BAD = {
    "grey": (encoded(image("L")), "has the colour mode L, not RGB"),
    "palette": (encoded(image("P")), "has the colour mode P,"),
    "transparent": (encoded(image("RGBA")), "has the colour mode RGBA"),
    "cmyk": (encoded(image("CMYK"), "JPEG"), "has the colour mode CMYK"),
    "animated png": (encoded(image(), **FRAMES), "is animated"),
    "animated gif": (encoded(image(), "GIF", **FRAMES), "is animated"),
    "size": (encoded(image(size=(32, 28))), "has 32 x 28 pixels, not 32 x 32"),
    "missing": (None, "is missing"),
    "empty": (b"", "is missing"),
    "garbage": (b"not a picture", "cannot be read"),
    "cut": (encoded(pictures(1)[0])[:900], "cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_pictures_are_named_by_row(tmp_path, case):
    data, message = BAD[case]
    files = [encoded(image())] * 300
    files[270] = data
    path = parquet(tmp_path / "t.parquet", files, label=[0] * 300)
    with pytest.raises(ValueError, match=rf"t\.parquet: the picture in row 270 {message}"):
        read(path, ["label"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"lable": [0]}, r"lacks the column 'label': it has \['img', 'lable'\]"),
        ({"label": ["cat"]}, "'label' must hold whole numbers, not string"),
        ({"label": [None]}, "'label' must hold whole numbers, not null"),
    ],
)
def test_bad_columns(tmp_path, columns, message):
    path = parquet(tmp_path / "t.parquet", [encoded(image())], **columns)
    with pytest.raises(ValueError, match=message):
        read(path, ["label"])


def test_gaps_among_labels(tmp_path):
    path = parquet(tmp_path / "t.parquet", [encoded(image())] * 2, label=[1, None])
    with pytest.raises(ValueError, match="'label' has 1 gaps"):
        read(path, ["label"])


def test_pictures_that_are_not_files(tmp_path):
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"img": ["a.png"], "label": [0]}), path)
    with pytest.raises(ValueError, match="'img' must hold the pictures' bytes, not string"):
        read(path, ["label"])


@pytest.mark.parametrize("keep", [0, 3, 200, -9])
def test_damaged_files(tmp_path, keep):
    path = parquet(tmp_path / "t.parquet", [encoded(x) for x in pictures(3)], label=[0, 1, 2])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is not a whole parquet file"):
        read(path, ["label"])


def test_random_damage_never_passes_unnoticed_as_a_crash(tmp_path):
    path = parquet(tmp_path / "t.parquet", [encoded(x) for x in pictures(3)], label=[0, 1, 2])
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole), 60)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            table = read(path, ["label"])
        except ValueError:
            continue
        assert table.images.shape == (3, 3, 32, 32)

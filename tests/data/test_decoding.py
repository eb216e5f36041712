"""Image files of every kind: colours, depths, animations, sizes, and what is wrong with a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from labkit.data import decoding
from labkit.data.decoding import read_image, read_images

GREY = np.full((32, 32), 204, np.uint8)


def near(pixels: np.ndarray, colour, within: int = 2) -> bool:
    return pixels.shape == (32, 32, 3) and np.abs(pixels.astype(int) - colour).max() <= within


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_jpeg_colours(tmp_path, mode):
    Image.new("RGB", (32, 32), (204, 100, 30)).convert(mode).save(tmp_path / "x.jpg", quality=95)
    assert near(read_image(tmp_path / "x.jpg"), (204, 100, 30))


def test_grey_jpeg(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.jpg", quality=95)
    assert near(read_image(tmp_path / "x.jpg"), 204)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    wide = GREY.astype(np.uint16) * 256 + 17
    Image.fromarray(wide).save(tmp_path / f"x.{suffix}")
    assert near(read_image(tmp_path / f"x.{suffix}"), 204)


def test_sixteen_bit_netpbm(tmp_path):
    wide = (GREY.astype(">u2") * 257).astype(">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 32 32 65535\n" + wide.tobytes())
    colours = np.stack([wide, wide // 2, wide // 4], -1).astype(">u2")
    (tmp_path / "x.ppm").write_bytes(b"P6 32 32 65535\n" + colours.tobytes())
    assert near(read_image(tmp_path / "x.pgm"), 204)
    assert near(read_image(tmp_path / "x.ppm"), (204, 102, 51))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_thirty_two_bits_are_refused(tmp_path, kind):
    Image.fromarray(GREY.astype(kind)).save(tmp_path / "x.tif")
    with pytest.raises(ValueError, match="32-bit pixels"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palettes_with_and_without_transparency(tmp_path, suffix):
    image = Image.new("P", (32, 32), 3)
    image.putpalette([0] * 9 + [204, 100, 30])
    image.save(tmp_path / f"x.{suffix}")
    image.save(tmp_path / f"clear.{suffix}", transparency=3)
    assert near(read_image(tmp_path / f"x.{suffix}"), (204, 100, 30))
    assert near(read_image(tmp_path / f"clear.{suffix}"), 255)


def test_half_transparent_grey_and_a_transparent_colour(tmp_path):
    Image.new("LA", (32, 32), (100, 128)).save(tmp_path / "half.png")
    assert near(read_image(tmp_path / "half.png"), 177)
    Image.new("RGB", (32, 32), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    assert near(read_image(tmp_path / "key.png"), 255)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_picture(tmp_path, suffix):
    first, *others = (Image.new("RGB", (32, 32), name) for name in ("red", "lime", "blue"))
    first.save(tmp_path / f"x.{suffix}", save_all=True, append_images=others)
    with Image.open(tmp_path / f"x.{suffix}") as image:
        assert image.n_frames == 3
    assert near(read_image(tmp_path / f"x.{suffix}"), (255, 0, 0), within=4)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 64), (300, 200), (2000, 1500)])
def test_any_size_becomes_32_by_32(tmp_path, size):
    Image.new("RGB", size, (204, 100, 30)).save(tmp_path / "x.jpg", quality=95)
    assert near(read_image(tmp_path / "x.jpg"), (204, 100, 30))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_photos_are_turned_as_the_camera_was(tmp_path, orientation):
    """Each quarter has a colour of its own; Pillow's way of undoing a turn is the reference."""
    corners = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 250]]], np.uint8)
    upright = Image.fromarray(corners.repeat(16, 0).repeat(16, 1))
    turn = {
        2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
        6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }.get(orientation)  # fmt: skip
    stored = upright.transpose(Image.Transpose[turn]) if turn else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "x.jpg", quality=95, subsampling=0, exif=exif)
    pixels = read_image(tmp_path / "x.jpg").astype(int)
    assert np.abs(pixels[4::16, 4::16] - corners).max() < 30


def test_unreadable_turns_do_not_spoil_a_photo(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.jpg", exif=b"Exif\0\0not what a camera writes")
    assert near(read_image(tmp_path / "x.jpg"), 204)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty, 0 bytes"),
        (b"<html>404</html>", "not a picture, or of a kind that Pillow cannot read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, reason):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=rf"cannot read image .*x\.jpg \({reason}\): repair"):
        read_images([tmp_path / "x.jpg"], on_bad_image="raise", progress=False)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif", "ppm"])
def test_a_cut_file_is_never_half_a_picture(tmp_path, suffix):
    """Where a decoder would fill up with grey or black, the file counts as unreadable."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = tmp_path / f"x.{suffix}"
    Image.fromarray(noise).save(file)
    whole = file.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        file.write_bytes(whole[: int(share * len(whole))])
        _, readable = read_images([file], on_bad_image="skip", progress=False)
        assert readable.tolist() == [False], share


def pictures(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{k}.png" for k in range(count)]
    for k, path in enumerate(paths):
        Image.new("RGB", (32, 32), (k, 0, 255 - k)).save(path)
    return paths


def test_order_is_kept_and_what_is_left_out_is_black(tmp_path):
    paths = pictures(tmp_path, 3 * decoding.PART + 5)
    for k in (0, 40, len(paths) - 1):
        paths[k].write_bytes(b"no")
    images, readable = read_images(paths, on_bad_image="skip", progress=False)
    assert images.shape == (len(paths), 3, 32, 32) and images.dtype == torch.uint8
    assert images.is_contiguous()
    assert (~readable).nonzero().flatten().tolist() == [0, 40, len(paths) - 1]
    expected = torch.arange(len(paths)) * readable
    assert torch.equal(images[:, 0, 9, 9].long(), expected)
    assert images[~readable].max() == 0 and images[readable, 2].min() > 0


def test_no_files_are_no_pictures():
    images, readable = read_images([], on_bad_image="raise", progress=True)
    assert images.shape == (0, 3, 32, 32) and readable.shape == (0,)

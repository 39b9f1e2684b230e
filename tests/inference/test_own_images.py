"""Own images through a trained model: what is read, what is written, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from reproduce.datasets import load as data
from reproduce.errors import ReproduceError
from reproduce.inference import own_images
from reproduce.inference.own_images import read_images
from reproduce.inference.trained import load
from reproduce.protocol import Protocol
from reproduce.storage.store import Store
from tests.tiny import Command

DIGITS = np.random.default_rng(5).integers(0, 256, (3, 28, 28), np.uint8)


@pytest.fixture
def apply(store: Store, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`reproduce apply …` with the finished models, in a user's folder: two digits as PNG, several as npy."""
    images = data(store.protocol).test.images
    Image.fromarray(images[0]).save(tmp_path / "a.png")
    Image.fromarray(images[1]).save(tmp_path / "b.png")
    np.save(tmp_path / "many.npy", images[:7])
    monkeypatch.chdir(tmp_path)
    known = ["--profile", "tiny", "--seed", "1", "--results", str(store.folder.parent)]
    return lambda *words: command("apply", *words, *known)


# --- the command --------------------------------------------------------------------------------------


def test_each_image_is_reconstructed_in_the_form_it_came_in(store: Store, apply: Command) -> None:
    code, out, err = apply("VAE", "a.png", "many.npy", "--out", "new/folder")
    assert (code, err) == (0, "")
    assert out == "wrote new/folder/a-vae.png\nwrote new/folder/many-vae.npy\n"
    model = load("vae", profile="tiny", seed=1, results=store.folder.parent)
    images = torch.from_numpy(np.load("many.npy"))[:, None] / 255
    expected = model.decode(model.encode(images))[:, 0].numpy()
    np.testing.assert_allclose(np.load("new/folder/many-vae.npy"), expected, atol=1e-6)
    with Image.open("new/folder/a-vae.png") as picture:
        assert (picture.mode, picture.size) == ("L", (28, 28))
        np.testing.assert_allclose(np.asarray(picture) / 255, expected[0], atol=0.51 / 255)


def test_an_interpolation_goes_from_one_reconstruction_to_the_other_and_is_a_strip_of_pngs(
    apply: Command,
) -> None:
    np.save("two.npy", np.load("many.npy")[:2])
    for words in (["two.npy", "--interpolate"], ["two.npy"], ["a.png", "b.png", "--interpolate"]):
        assert apply("ae", *words)[0] == 0
    frames, ends = np.load("applied/two-ae-frames.npy"), np.load("applied/two-ae.npy")
    assert frames.shape == (10, 28, 28)
    np.testing.assert_allclose(frames[[0, -1]], ends, atol=1e-6)
    assert abs(ends[0] - ends[1]).max() > 1e-4
    with Image.open("applied/a-ae-to-b.png") as strip:
        assert (strip.mode, strip.size) == ("L", (280, 28))
        np.testing.assert_allclose(np.asarray(strip) / 255, np.hstack(list(frames)), atol=0.51 / 255)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("vea a.png", "unknown architecture 'vea' (did you mean 'vae'?)"),
        (
            "wae a.png",
            "wae/seed-1 has no trained model (profile tiny: not run yet): train it with `python -m",
        ),
        ("vae nowhere.png", "there is no file nowhere.png"),
        ("vae many.npy --interpolate", "--interpolate goes between two images, and these are 7"),
        ("vae a.png ./a.png", "a.png and a.png would both become applied/a-vae.png"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(
    apply: Command, words: str, complaint: str
) -> None:
    code, out, err = apply(*words.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {complaint}")
    assert err.count("\n") == 1
    assert not Path("applied").exists()


def test_nothing_is_overwritten(apply: Command) -> None:
    Path("applied").mkdir()
    Path("applied/a-vae.png").write_text("mine", encoding="utf-8")
    code, _, err = apply("vae", "b.png", "a.png")
    assert code == 2
    assert "applied/a-vae.png exists already: move it away, or choose another --out" in err
    assert Path("applied/a-vae.png").read_text(encoding="utf-8") == "mine"
    assert not Path("applied/b-vae.png").exists()


# --- what is read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [DIGITS, DIGITS[:, None], DIGITS / 255, (DIGITS / 255).astype(np.float32)],
    ids=["bytes", "channel", "double", "single"],
)
def test_an_npy_may_hold_bytes_or_shares_with_or_without_a_channel(array: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    found = read_images(tmp_path / "x.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, DIGITS / 255, atol=1e-7)


def test_one_image_is_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", DIGITS[0])
    Image.fromarray(DIGITS[0]).save(tmp_path / "x.PNG")
    np.testing.assert_array_equal(read_images(tmp_path / "x.npy"), read_images(tmp_path / "x.PNG"))
    assert read_images(tmp_path / "x.npy").shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((28, 29), np.uint8), "is 28 x 29, and an image is 28 x 28 in grey"),
        (np.zeros((2, 3, 28, 28), np.uint8), "is 2 x 3 x 28 x 28, and"),
        (np.zeros((0, 28, 28), np.uint8), "is 0 x 28 x 28, and"),
        (np.full((28, 28), 1.5), r"holds other values than uint8, or floats in \[0, 1\]"),
        (np.full((28, 28), np.nan), "holds other values"),
        (np.zeros((28, 28), np.int64), "holds other values"),
        (np.full((28, 28), None), "cannot be read"),
    ],
)
def test_an_npy_of_another_shape_or_range_is_refused(array: Any, complaint: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ReproduceError, match=rf"x\.npy {complaint}"):
        read_images(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("mode", "width", "complaint"),
    [("L", 30, "it is 30 x 28, and an image is 28 x 28"), ("RGB", 28, "its mode is RGB and not L")],
)
def test_a_png_of_another_size_or_in_colour_is_refused(
    mode: str, width: int, complaint: str, tmp_path: Path
) -> None:
    Image.new(mode, (width, 28)).save(tmp_path / "x.png")
    with pytest.raises(ReproduceError, match=rf"x\.png cannot be read \({complaint}"):
        read_images(tmp_path / "x.png")


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x.jpg"])
@pytest.mark.parametrize("content", [b"", b"spoilt", b"\x93NUMPY\x01\x00", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused_with_the_remedy(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReproduceError, match="save it as a grey PNG of 28 x 28, or as npy"):
        read_images(tmp_path / name)


def test_many_images_go_through_in_parts(
    monkeypatch: pytest.MonkeyPatch, store: Store, tiny_profile: Protocol
) -> None:
    model = load("ae", profile="tiny", seed=1, results=store.folder.parent)
    images = (DIGITS / 255).astype(np.float32)
    whole = own_images.reconstructed(model, images)
    monkeypatch.setattr(own_images, "BATCH", 2)
    np.testing.assert_allclose(own_images.reconstructed(model, images), whole, atol=1e-6)

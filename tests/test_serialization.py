"""`save` and `load`: structures, dtypes, interchange with safetensors, bad and foreign files."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dlf
from dlf.errors import UnsafeFileError

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"


def again(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    dlf.save(obj, file)
    file.seek(0)
    return dlf.load(file, **options)


def written(obj: Any) -> bytes:
    file = io.BytesIO()
    dlf.save(obj, file)
    return file.getvalue()


def read(content: bytes) -> Any:
    return dlf.load(io.BytesIO(content))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.complex_numbers()
)
keys = st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), st.text())
tensors = st.lists(st.integers(0, 3), max_size=3).map(
    lambda shape: np.arange(math.prod(shape), dtype="float32").reshape(shape)
)
structures = st.recursive(
    scalars | tensors,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4).map(OrderedDict)
        | st.sets(st.integers(), max_size=3)
        | st.frozensets(st.text(), max_size=3)
    ),
    max_leaves=12,
)


def as_tensors(obj: Any) -> Any:
    """`obj` with its arrays made tensors."""
    if isinstance(obj, np.ndarray):
        return dlf.from_numpy(obj.copy())
    if isinstance(obj, dict):
        return type(obj)((k, as_tensors(v)) for k, v in obj.items())
    if isinstance(obj, (list, tuple)):
        return type(obj)(as_tensors(v) for v in obj)
    return obj


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert [(type(k), k) for k in a] == [(type(k), k) for k in b]
        for k in a:
            assert_same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, (dlf.Tensor, np.ndarray)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    elif isinstance(a, (set, frozenset)):
        assert a == b
    else:
        assert repr(a) == repr(b)


@settings(max_examples=200, deadline=None)
@given(structures)
def test_structures(obj: Any) -> None:
    obj = as_tensors(obj)
    assert_same(again(obj), obj)


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES.split())
def test_dtypes(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(math.prod(shape)).reshape(shape) % 2
    t = dlf.from_numpy(np.asarray(values, getattr(dlf, dtype).numpy))
    back = again(t)
    assert (back.dtype, tuple(back.shape)) == (t.dtype, shape)
    assert back.tolist() == t.tolist()


def test_small_things() -> None:
    obj = [dlf.float32, dlf.bfloat16, dlf.device("cpu"), dlf.ones(2, 3).shape, "\ud800", -0.0]
    assert_same(again(obj), obj)
    assert math.isnan(again(math.nan))
    array = np.arange(3, dtype="uint16")
    assert_same(again({"a": array}), {"a": array})


def test_header_lengths_that_start_like_a_pickle() -> None:
    """A header of 0x280 bytes makes the file start with 80 02, the mark of pickle protocol 2."""
    seen = set()
    for length in range(0, 1500, 4):
        text = "x" * length
        content = written(text)
        seen.add(content[:2])
        assert read(content) == text
    assert seen >= {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}


def test_flags_and_identity() -> None:
    w = dlf.ones(2, requires_grad=True)
    loaded = again({"w": w, "same": w, "plain": dlf.ones(2)})
    assert loaded["w"] is loaded["same"]
    assert loaded["w"].requires_grad
    assert loaded["w"].is_leaf
    assert not loaded["plain"].requires_grad


def test_views_and_transposes() -> None:
    base = dlf.arange(12).reshape(3, 4)
    loaded = again([base.t(), base[::2, 1:], base[1]])
    assert loaded[0].tolist() == base.t().tolist()
    assert loaded[1].tolist() == [[1, 2, 3], [9, 10, 11]]
    assert loaded[2].tolist() == [4, 5, 6, 7]


def test_parameters() -> None:
    nn = pytest.importorskip("dlf.nn")
    loaded = again({"w": nn.Parameter(dlf.ones(2)), "frozen": nn.Parameter(dlf.ones(1), False)})
    assert type(loaded["w"]) is nn.Parameter
    assert loaded["w"].requires_grad
    assert not loaded["frozen"].requires_grad


@pytest.mark.parametrize("mmap", [False, True])
def test_paths(tmp_path: Path, mmap: bool) -> None:
    path = tmp_path / "model.dlf"
    dlf.save({"w": dlf.arange(5), "none": dlf.empty(0), "n": 3}, path)
    loaded = dlf.load(path, mmap=mmap)
    assert (loaded["w"].tolist(), loaded["none"].tolist(), loaded["n"]) == ([0, 1, 2, 3, 4], [], 3)
    loaded["w"].fill_(7)
    assert dlf.load(str(path))["w"].tolist() == [0, 1, 2, 3, 4]
    assert os.listdir(tmp_path) == ["model.dlf"]


def test_mmap_needs_a_path() -> None:
    with pytest.raises(ValueError, match="needs a path"):
        dlf.load(io.BytesIO(written(1)), mmap=True)


def test_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.dlf"
    dlf.save(1, path)
    with pytest.raises(TypeError):
        dlf.save(object(), path)

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        dlf.save(dlf.ones(2), Full())
    assert dlf.load(path) == 1
    assert os.listdir(tmp_path) == ["model.dlf"]


def test_crash_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.dlf"
    dlf.save(1, path)

    def crash(*args: Any) -> None:
        raise OSError("crash")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="crash"):
        dlf.save(2, path)
    assert dlf.load(path) == 1
    assert os.listdir(tmp_path) == ["model.dlf"]


def test_links_and_modes_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "real", tmp_path / "link"
    dlf.save(1, path)
    path.chmod(0o600)
    link.symlink_to(path)
    dlf.save(2, link)
    assert link.is_symlink()
    assert dlf.load(path) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_map_location() -> None:
    content = written({"a": dlf.ones(1)})
    seen: list[str] = []

    def keep(tensor: Any, saved: str) -> Any:
        seen.append(saved)
        return tensor + 1

    for where in ("cpu", dlf.device("cpu"), {"cpu": "cpu"}, {"other": "cpu"}):
        assert dlf.load(io.BytesIO(content), where)["a"].device is dlf.device("cpu")
    assert dlf.load(io.BytesIO(content), keep)["a"].tolist() == [2.0]
    assert seen == ["cpu"]
    with pytest.raises(ZeroDivisionError):
        dlf.load(io.BytesIO(content), lambda t, d: 1 / 0)  # type: ignore[arg-type,return-value]  # raises


def test_missing_device_names_the_way_out() -> None:
    content = written(dlf.ones(1)).replace(b'\\"device\\":\\"cpu\\"', b'\\"device\\":\\"xyz\\"')
    with pytest.raises(dlf.errors.DlfError) as caught:
        read(content)
    assert "map_location" in "".join(caught.value.__notes__)
    assert dlf.load(io.BytesIO(content), "cpu").tolist() == [1.0]


def test_refused_objects() -> None:
    class Own:
        pass

    for bad in (Own(), lambda: 1, {"a": [Own()]}, {Own(): 1}, np.array(["a"])):
        with pytest.raises(TypeError, match=r"dlf\.save: cannot write"):
            again(bad)
    with pytest.raises(TypeError, match=r"at a\.1"):
        again({"a": [1, Own()]})
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="contains itself"):
        again(circle)


def test_safetensors_reads_ours(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "m.safetensors"
    state = OrderedDict(
        [("0.weight", dlf.ones(2, 3)), ("0.bias", dlf.zeros(3, dtype=dlf.bfloat16)),
         ("steps", dlf.tensor(3)), ("mask", dlf.tensor([True, False])), ("none", dlf.empty(0, 2))]
    )  # fmt: skip
    dlf.save(state, path)
    loaded = safetensors.load_file(path)
    assert {k: tuple(v.shape) for k, v in loaded.items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    assert loaded["0.bias"].dtype is torch.bfloat16
    assert loaded["steps"].item() == 3


@settings(max_examples=50, deadline=None)
@given(structures)
def test_safetensors_accepts_any_of_ours(obj: Any) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.load(written(as_tensors(obj)))


def test_reads_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "m.safetensors"
    state = {"a": torch.arange(3), "b": torch.ones(2, dtype=torch.bfloat16), "c": torch.tensor(2.5)}
    safetensors.save_file(state, path, metadata={"format": "pt"})
    for mmap in (False, True):
        loaded = dlf.load(path, mmap=mmap)
        assert {k: v.tolist() for k, v in loaded.items()} == {
            k: v.tolist() for k, v in state.items()
        }
        assert loaded["b"].dtype is dlf.bfloat16


SAMPLE = {"a": dlf.arange(4), "b": [dlf.ones(2, 2), 1.5], "c": {1: "x"}}


def test_every_cut_is_noticed() -> None:
    content = written(SAMPLE)
    for end in range(len(content)):
        with pytest.raises(UnsafeFileError):
            read(content[:end])


def test_trailing_bytes_are_noticed() -> None:
    with pytest.raises(UnsafeFileError, match="damaged"):
        read(written(SAMPLE) + b"\0")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_never_raises_anything_else(data: st.DataObject) -> None:
    content = bytearray(written(SAMPLE))
    head = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, head - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except UnsafeFileError:
        pass
    except (dlf.errors.DlfError, RuntimeError) as error:
        assert "map_location" in "".join(error.__notes__)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_noise_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafeFileError):
        read(content)


class Trap:
    """A pickle that would run code."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("trapped",)


def test_pickles_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for protocol in range(6):
        with pytest.raises(UnsafeFileError):
            read(pickle.dumps(Trap(), protocol))
    torch.save({"a": torch.ones(2)}, "m.pt")
    with pytest.raises(UnsafeFileError, match=r"zip archive, as torch\.save"):
        dlf.load("m.pt")
    np.save("m.npy", np.ones(2))
    with pytest.raises(UnsafeFileError, match="NumPy"):
        dlf.load("m.npy")
    assert sorted(os.listdir(tmp_path)) == ["m.npy", "m.pt"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dlf.load(tmp_path / "none")


def headed(header: Any, data: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


def entry(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


BAD_HEADERS: list[Any] = [
    b'{"a"',
    b"[]",
    b'{"a":{},"a":{}}',
    {"__metadata__": {"x": 1}},
    {"__metadata__": []},
    {"a": 1},
    entry(dtype="F99"),
    entry(dtype=None),
    entry(shape=[-2]),
    entry(shape=[True]),
    entry(shape="2"),
    entry(shape=[3]),
    entry(shape=[2**64, 2**64]),
    entry(data_offsets=[0, 4]),
    entry(data_offsets=[8, 0]),
    entry(data_offsets=[4, 12]),
    entry(data_offsets=[-8, 0]),
    entry(data_offsets=[0]),
    {**entry(), "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
    {**entry(), "__metadata__": {"dlf": "{", "dlf_version": "1"}},
    {**entry(), "__metadata__": {"dlf": '{"tensor":"b"}', "dlf_version": "1"}},
    {**entry(), "__metadata__": {"dlf": '{"call":"os.mkdir"}', "dlf_version": "1"}},
    {**entry(), "__metadata__": {"dlf": '{"dict":[[[],1]]}', "dlf_version": "1"}},
    {**entry(), "__metadata__": {"dlf": '{"bytes":"?"}', "dlf_version": "1"}},
    {**entry(), "__metadata__": {"dlf": "1", "dlf_version": "2"}},
    {**entry(), "__metadata__": {"dlf": "[" * 100_000, "dlf_version": "1"}},
]


@pytest.mark.parametrize("header", BAD_HEADERS, ids=lambda h: str(h)[:40])
def test_bad_headers(header: Any) -> None:
    with pytest.raises(UnsafeFileError):
        read(headed(header, bytes(8)))


def test_good_header_by_hand() -> None:
    assert read(headed(entry(), np.ones(2, "<f4").tobytes()))["a"].tolist() == [1.0, 1.0]
    assert read(headed(b"{}")) == {}

"""The stand-in's arrays: NumPy's, behind a wall."""

from __future__ import annotations

import numpy as np

from . import cuda, tape


def _refused(value):
    raise TypeError(f"Unsupported type {type(value)}")


def host(value):
    """What NumPy computes with: arrays of the host are refused, as CuPy refuses them."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray) and value.ndim:
        _refused(value)
    if isinstance(value, (tuple, list)):
        return type(value)(host(one) for one in value)
    if isinstance(value, slice):
        return slice(*(host(one) for one in (value.start, value.stop, value.step)))
    return value


class _Flags:
    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous


class ndarray:
    """An array of the stand-in; `data` is its memory, which views share."""

    __slots__ = ("__weakref__", "_host", "data")
    __array_ufunc__ = None

    def __init__(self, shape, dtype=float, memptr=None):
        self._host = np.empty(shape, dtype)
        self.data = memptr or cuda.alloc(self._host.nbytes)

    @classmethod
    def _of(cls, values, data=None):
        made = cls.__new__(cls)
        made._host = np.asarray(values)
        made.data = data or cuda.alloc(made._host.nbytes)
        return made

    def _view(self, values):
        return self._of(values, self.data)

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: _Flags(self._host.flags))
    device = property(lambda self: cuda.Device(self.data.device_id))

    # copies to the host

    def get(self, stream=None, order="C", out=None, blocking=True):
        tape.refuse("D2H")
        if out is None:
            out = np.empty(self.shape, self.dtype)
        if out.dtype != self.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
        out[...] = self._host
        return out

    def item(self):
        return self.get().item()

    def __bool__(self):
        return bool(self.get())

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __index__(self):
        return self.get().__index__()

    # views

    def reshape(self, *shape, order="C"):
        made = self._host.reshape(*shape)
        return self._moved(made, lambda: self._host.reshape(*shape))

    def transpose(self, *axes):
        return self._view(self._host.transpose(*axes))

    def view(self, dtype=None):
        return self._view(self._host.view(dtype) if dtype is not None else self._host)

    def __getitem__(self, index):
        at = host(index)
        # At least an array of no dimensions, as CuPy gives.
        return self._moved(np.asarray(self._host[at]), lambda: self._host[at])

    def _moved(self, made, again):
        if np.may_share_memory(made, self._host):
            return self._view(made)
        made = ndarray._of(made)
        tape.record(lambda: np.copyto(made._host, again()))
        return made

    # copies

    def copy(self, order="C"):
        return self._made(lambda: self._host.copy(order))

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == dtype:
            return self
        return self._made(lambda: self._host.astype(dtype, order=order))

    def _made(self, compute):
        with np.errstate(all="ignore"):
            made = ndarray._of(compute())
        tape.record(lambda: np.copyto(made._host, compute()))
        return made

    # writes

    def fill(self, value):
        self[...] = value

    def __setitem__(self, index, value):
        at, values = host(index), host(value)
        self._write(lambda: self._host.__setitem__(at, values))

    def _write(self, write):
        if tape.recording():
            tape.record(write)
        else:
            with np.errstate(all="ignore"):
                write()


def _operator(name):
    def method(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self._made(lambda: np.asarray(getattr(self._host, name)(host(other))))

    return method


def _unary(name):
    return lambda self: self._made(lambda: np.asarray(getattr(self._host, name)()))


def _in_place(name):
    def method(self, other):
        value = host(other)
        self._write(lambda: getattr(self._host, name)(value))
        return self

    return method


for _name in "add sub mul truediv floordiv mod pow lshift rshift and or xor".split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
    setattr(ndarray, f"__r{_name}__", _operator(f"__r{_name}__"))
    setattr(ndarray, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in "lt le gt ge eq ne".split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in "neg abs invert".split():
    setattr(ndarray, f"__{_name}__", _unary(f"__{_name}__"))
ndarray.__hash__ = None

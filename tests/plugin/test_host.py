"""The host, on plugins made in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import dlf
from dlf.errors import (
    DeviceUnavailableError,
    IncompatiblePluginError,
    PluginError,
    UnknownNameError,
)
from dlf.plugin import (
    Backend,
    BackendSpec,
    Caps,
    DatasetSpec,
    Host,
    KernelSpec,
    PluginRecord,
    Probe,
    get_host,
    hookimpl,
)
from dlf.plugin.discovery import Found


class Minimal(Backend):
    device_type = "npu"
    caps = Caps(dtypes=frozenset({"float32"}))
    answer = Probe(True, devices=("one", "two"))

    def probe(self) -> Probe:
        return self.answer

    def from_host(self, host: Any, dtype: Any, index: int) -> Any:
        return host

    def to_host(self, a: Any) -> Any:
        return a

    def assign(self, dst: Any, src: Any) -> None:
        np.copyto(dst, src)


Make = Callable[..., Found]


def nothing() -> dict[str, str]:
    return {}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a module of the given hooks and other members, and the entry point that names it."""
    for variable in ("DLF_PLUGINS", "DLF_DISABLE_PLUGINS", "DLF_STRICT_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)

    def make(name: str, distribution: str = "", **members: Any) -> Found:
        distribution = distribution or f"dlf-{name}"
        module = ModuleType(f"made_{distribution}_{name}".replace("-", "_"))
        for key, member in members.items():
            marked = key.startswith("dlf_") and not getattr(member, "bare", False)
            setattr(module, key, hookimpl(member) if marked else member)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Found(name, module.__name__, distribution, "1.0")

    yield make


def state(host: Host, name: str) -> PluginRecord:
    (record,) = (r for r in host.records() if r.name == name)
    return record


def backend(
    load: str, device_type: str = "npu", requires_api: str = ">=1.0,<2", priority: int = 0
) -> Callable[..., list[BackendSpec]]:
    return lambda: [BackendSpec("made", device_type, load, requires_api, priority)]


def device(make: Make, name: str, cls: type = Minimal, **settings: Any) -> Found:
    """A plugin that gives `cls`."""
    load = f"made_dlf_{name}_{name}:cls"
    return make(name, dlf_backends=backend(load, **settings), cls=cls)


def test_backend_is_loaded_once(make: Make) -> None:
    host = Host(lambda: [device(make, "a")])
    ((spec, record),) = host.backend_specs()
    loaded = host.load_backend("npu")
    assert (loaded.spec, loaded.record) == (spec, record)
    assert isinstance(loaded.backend, Minimal)
    assert loaded.backend.device_count() == 2
    assert loaded.backend.kernels() == {}
    assert host.load_backend("npu") is loaded
    assert record.state == "ok"


def test_discovery_is_lazy_and_happens_once(make: Make) -> None:
    calls = []
    host = Host(lambda: calls.append(1) or [])  # type: ignore[func-returns-value]
    assert not calls
    assert host.records() == host.backend_specs() == []
    assert len(calls) == 1


def test_unknown_device_names_the_nearest(make: Make) -> None:
    host = Host(lambda: [device(make, "a")])
    with pytest.raises(UnknownNameError, match="did you mean 'npu'"):
        host.load_backend("npv")


def test_unknown_device_names_the_plugins_that_failed(make: Make) -> None:
    host = Host(lambda: [Found("b", "no_such_module_b", "dlf-b", "2.0")])
    with pytest.raises(UnknownNameError, match=r"broken: plugin 'b' of dlf-b 2\.0.*no_such_module"):
        host.load_backend("npu")


@pytest.mark.parametrize("error", [ValueError("deep"), SystemExit(3), MemoryError("deep")])
def test_raising_hook_rolls_back_everything(make: Make, error: BaseException) -> None:
    def dlf_datasets() -> dict[str, DatasetSpec]:
        raise error

    found = make(
        "a",
        dlf_backends=backend("x:y"),
        dlf_optimizers=lambda: {"o": "x:Y"},
        dlf_datasets=dlf_datasets,
    )
    host = Host(lambda: [found, device(make, "b", device_type="other")])
    record = state(host, "a")
    assert record.state == "broken"
    assert "dlf_datasets failed" in record.reason
    assert type(error).__name__ in record.reason
    assert record.error is error
    assert [spec.device_type for spec, _ in host.backend_specs()] == ["other"]
    assert host.optimizers() == {}
    with pytest.raises(PluginError, match=r"dlf-a 1\.0 is broken") as caught:
        host.load_backend("npu")
    assert caught.value.__cause__ is error


def test_interrupt_is_nobodys_fault(make: Make) -> None:
    def dlf_backends() -> None:
        raise KeyboardInterrupt

    host = Host(lambda: [make("a", dlf_backends=dlf_backends)])
    with pytest.raises(KeyboardInterrupt):
        host.records()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"dlf_backend": nothing}, "'dlf_backend'; did you mean 'dlf_backends'"),
        ({"dlf_optimisers": nothing}, "did you mean 'dlf_optimizers'"),
        ({}, "has no hook"),
        ({"dlf_backends": lambda apii: []}, "apii"),
        ({"dlf_backends": lambda: ["npu"]}, "expected a list of BackendSpec"),
        ({"dlf_backends": lambda: 3}, "expected a list of BackendSpec"),
        ({"dlf_datasets": lambda: {"d": "x:y"}}, "DatasetSpec"),
        ({"dlf_optimizers": lambda: ["sgd"]}, "expected a dict"),
        ({"dlf_optimizers": lambda: {"sgd": "nowhere"}}, "'package.module:Name'"),
    ],
)
def test_wrong_hooks_are_told(make: Make, members: dict[str, Any], reason: str) -> None:
    record = state(Host(lambda: [make("a", **members)]), "a")
    assert record.state == "broken"
    assert reason in record.reason


def test_hook_without_its_mark_is_told(make: Make) -> None:
    def dlf_backends() -> list[BackendSpec]:
        return []

    dlf_backends.bare = True  # type: ignore[attr-defined]
    dlf_backends.__module__ = "made_dlf_a_a"
    record = state(Host(lambda: [make("a", dlf_backends=dlf_backends)]), "a")
    assert record.state == "broken"
    assert "lacks the decorator" in record.reason


def test_hook_of_a_later_dlf_may_be_optional(make: Make) -> None:
    found = make("a", dlf_optimizers=lambda: {"o": "x:Y"})
    later = hookimpl(optionalhook=True)(lambda: None)
    sys.modules[found.module].dlf_something_new = later  # type: ignore[attr-defined]
    assert state(Host(lambda: [found]), "a").state == "ok"


def test_plugin_may_be_an_object(make: Make) -> None:
    class Plugin:
        @hookimpl
        def dlf_optimizers(self) -> dict[str, str]:
            return {"o": "math:sqrt"}

    found = make("a", it=Plugin())
    host = Host(lambda: [Found("a", f"{found.module}:it", "dlf-a", "1.0")])
    assert state(host, "a").state == "ok"
    assert host.optimizers()["o"].load()(4) == 2


def test_other_major_is_incompatible(make: Make) -> None:
    host = Host(lambda: [device(make, "a", requires_api=">=2.0,<3")])
    record = state(host, "a")
    assert record.state == "incompatible"
    assert ">=2.0,<3" in record.reason
    assert "1.0" in record.reason
    with pytest.raises(IncompatiblePluginError, match="dlf-a"):
        host.load_backend("npu")


def test_newer_minor_is_used_and_told(make: Make) -> None:
    host = Host(lambda: [device(make, "a", requires_api=">=1.9,<2")])
    assert host.load_backend("npu").record.state == "ok"
    assert "later than this dlf's 1.0" in state(host, "a").reason


def test_same_name_is_shadowed(make: Make) -> None:
    first, second = (
        make("twin", "dlf-a", dlf_optimizers=nothing),
        Found("Twin", "x", "dlf-b", "2"),
    )
    one, two = Host(lambda: [first, second]).records()
    assert one.state == "ok"
    assert two.state == "shadowed"
    assert "dlf-a 1.0" in two.reason
    assert "dlf-b 2" in two.reason


def test_same_device_type_is_shadowed(make: Make) -> None:
    host = Host(lambda: [device(make, "a"), device(make, "b")])
    assert host.load_backend("npu").record.name == "a"
    record = state(host, "b")
    assert record.state == "shadowed"
    for part in ("device type 'npu'", "dlf-a 1.0", "dlf-b 1.0"):
        assert part in record.reason


def test_higher_priority_takes_the_device(make: Make) -> None:
    host = Host(lambda: [device(make, "a"), device(make, "b", priority=1)])
    assert host.load_backend("npu").record.name == "b"
    assert state(host, "a").state == "shadowed"


def test_refused_plugin_does_not_stand_in_anothers_way(make: Make) -> None:
    host = Host(lambda: [device(make, "a", requires_api="<1"), device(make, "b")])
    assert host.load_backend("npu").record.name == "b"
    assert state(host, "b").state == "ok"


def test_probe_that_raises(make: Make) -> None:
    class Raising(Minimal):
        def probe(self) -> Probe:
            raise OSError("libnpu.so: cannot open")

    host = Host(lambda: [device(make, "a", Raising)])
    assert state(host, "a").state == "ok"
    with pytest.raises(DeviceUnavailableError, match=r"libnpu\.so"):
        host.load_backend("npu")
    record = state(host, "a")
    assert record.state == "unavailable"
    assert "probe raised OSError: libnpu.so" in record.reason
    assert isinstance(record.error, OSError)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Probe(False, "no driver; install one"), "no driver; install one"),
        (Probe(False), "gives no reason"),
        (Probe(True), "names no device"),
        (None, "NoneType"),
    ],
)
def test_probe_that_says_no(make: Make, answer: Any, reason: str) -> None:
    cls = type("Absent", (Minimal,), {"answer": answer})
    host = Host(lambda: [device(make, "a", cls)])
    with pytest.raises(DeviceUnavailableError, match=reason):
        host.load_backend("npu")
    assert [r.state for r in host.records(probe=True)] == ["unavailable"]


def test_device_that_comes_back_is_found(make: Make) -> None:
    cls = type("Plugged", (Minimal,), {"answer": Probe(False, "unplugged")})
    host = Host(lambda: [device(make, "a", cls)])
    with pytest.raises(DeviceUnavailableError):
        host.load_backend("npu")
    cls.answer = Probe(True, devices=("here",))  # type: ignore[attr-defined]
    assert host.load_backend("npu").probe.devices == ("here",)
    assert state(host, "a").state == "ok"


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (object, "not a subclass"),
        (type("Other", (Minimal,), {"device_type": "gpu"}), "device_type is not 'npu'"),
        (type("NoCaps", (Minimal,), {"caps": None}), "caps"),
        (type("Raises", (Minimal,), {"__init__": lambda self: 1 / 0}), "ZeroDivisionError"),
        (Backend, "abstract"),
    ],
)
def test_wrong_backend_class(make: Make, cls: type, reason: str) -> None:
    host = Host(lambda: [device(make, "a", cls)])
    for _ in range(2):
        with pytest.raises(PluginError, match=reason):
            host.load_backend("npu")
    assert state(host, "a").state == "broken"


def test_overlays_come_by_priority_and_a_broken_one_is_left_out(make: Make) -> None:
    def kernels(*specs: tuple[str, str, int]) -> Callable[[], list[KernelSpec]]:
        return lambda: [KernelSpec(n, "npu", load, priority=p) for n, load, p in specs]

    home = "made_dlf_o_o"
    found = make(
        "o",
        dlf_kernels=kernels(("low", f"{home}:mapping", 1), ("high", f"{home}:function", 5)),
        mapping={"add": max},
        function=lambda: {"mul": min},
    )
    broken = make("x", dlf_kernels=kernels(("gone", "no_such_module:kernels", 9)))
    wrong = make("w", dlf_kernels=kernels(("wrong", "math:pi", 9)))
    host = Host(lambda: [found, broken, wrong, device(make, "a")])
    given = host.overlays("npu")
    assert [(one.name, one.priority, dict(one.kernels)) for one in given] == [
        ("high", 5, {"mul": min}),
        ("low", 1, {"add": max}),
    ]
    assert host.overlays("other") == []
    assert state(host, "x").state == state(host, "w").state == "broken"
    assert "no_such_module" in state(host, "x").reason


def test_optimizers_and_datasets(make: Make) -> None:
    spec = DatasetSpec("math:hypot", "a line", "CC0")
    a = make("a", dlf_optimizers=lambda: {"o": "math:sqrt"}, dlf_datasets=lambda: {"d": spec})
    b = make("b", dlf_optimizers=lambda: {"o": "math:cos", "p": "no_such_module:P"})
    host = Host(lambda: [a, b])
    assert host.optimizers()["o"].record.name == "a"
    assert host.datasets()["d"].spec is spec
    assert host.datasets()["d"].load()(3, 4) == 5
    assert state(host, "b").state == "shadowed"
    with pytest.raises(PluginError, match=r"plugin 'b' of dlf-b 1\.0.*no_such_module"):
        host.optimizers()["p"].load()


class Ops(list[str]):
    """As much of the registry as the host reads."""

    def remove(self, op: str) -> None:
        assert self.pop() == op


def test_ops_of_a_plugin_that_raises_are_taken_back(make: Make) -> None:
    def half(registry: Any) -> None:
        registry.extend(["b1", "b2"])
        raise ValueError("no third op")

    good = make("a", dlf_ops=lambda registry: registry.append("a"))
    bad = make("b", dlf_ops=half, dlf_backends=backend("x:Y"))
    last = make("c", dlf_ops=lambda registry: registry.append("c"))
    host, ops = Host(lambda: [good, bad, last]), Ops(["own"])
    host.register_ops(ops)
    host.register_ops(ops)
    assert ops == ["own", "a", "c"]
    assert state(host, "b").state == "broken"
    assert "no third op" in state(host, "b").reason
    assert host.backend_specs() == []


def test_commands_of_a_plugin_that_raises_are_taken_back(make: Make) -> None:
    class Group:
        def __init__(self) -> None:
            self.commands = {"train": 1}

    def half(group: Group) -> None:
        group.commands["half"] = 2
        raise SystemExit(1)

    group = Group()
    good = make("g", dlf_cli=lambda group: group.commands.update(more=3))
    host = Host(lambda: [make("a", dlf_cli=half), good])
    host.extend_cli(group)
    assert group.commands == {"train": 1, "more": 3}
    assert state(host, "a").state == "broken"


def test_shadowed_plugin_takes_over_from_one_that_breaks(make: Make) -> None:
    def dlf_ops(registry: Any) -> None:
        raise ValueError("late")

    first = make("a", dlf_ops=dlf_ops, dlf_backends=backend("made_dlf_a_a:cls"), cls=Minimal)
    host = Host(lambda: [first, device(make, "b")])
    assert state(host, "b").state == "shadowed"
    host.register_ops(Ops())
    assert state(host, "a").state == "broken"
    assert state(host, "b").state == "ok"
    assert host.load_backend("npu").record.name == "b"


def test_conform_cases(make: Make) -> None:
    def half(device: str) -> Iterator[str]:
        yield f"{device}-lost"
        raise ValueError("no second case")

    hooks = {
        "a": lambda device: (f"{device}-{i}" for i in range(2)),
        "b": lambda device: 1 / 0,
        "half": half,
        "number": lambda device: 3,
        "none": lambda device: None,
        "last": lambda device: ["z"],
    }
    found = [make(name, dlf_conform_cases=hook) for name, hook in hooks.items()]
    host = Host(lambda: [*found, make("without", dlf_optimizers=nothing)])
    given = [(record.name, case) for record, case in host.conform_cases("d")]
    assert given == [("a", "d-0"), ("a", "d-1"), ("last", "z")]
    assert "ZeroDivisionError" in state(host, "b").reason
    assert "dlf_conform_cases failed: ValueError: no second case" in state(host, "half").reason
    assert "TypeError" in state(host, "number").reason
    assert [state(host, name).state for name in ("a", "none", "without")] == ["ok"] * 3


def test_what_a_plugin_prints_stays_out_of_standard_output(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(value: Any) -> Callable[..., Any]:
        def hook() -> Any:
            print("chatter")
            return value

        return hook

    class Loud(Minimal):
        def probe(self) -> Probe:
            print("chatter")
            return self.answer

    backends = said([BackendSpec("made", "npu", "made_dlf_a_a:cls")])
    host = Host(lambda: [make("a", dlf_backends=backends, dlf_ops=said(None), cls=Loud)])
    assert host.load_backend("npu").record.state == "ok"
    host.register_ops(Ops())
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "chatter\n" * 3
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_using_a_device_during_discovery_is_told(make: Make) -> None:
    host = Host(lambda: [make("a", dlf_backends=lambda: host.load_backend("npu"))])
    record = state(host, "a")
    assert record.state == "broken"
    assert "while plugins were being discovered" in record.reason


def test_entry_point_that_cannot_be_read(make: Make) -> None:
    host = Host(lambda: [Found("a", "", "dlf-a", "1", "'a' is not NAME = PACKAGE.MODULE")])
    assert state(host, "a").state == "broken"


@pytest.mark.parametrize(
    ("variable", "value", "on"),
    [
        ("DLF_DISABLE_PLUGINS", "", {"own", "my-npu", "b"}),
        ("DLF_DISABLE_PLUGINS", "0", {"own", "my-npu", "b"}),
        ("DLF_DISABLE_PLUGINS", "1", {"own"}),
        ("DLF_DISABLE_PLUGINS", "MY_NPU", {"own", "b"}),
        ("DLF_DISABLE_PLUGINS", "dlf-b,own", {"my-npu"}),
        ("DLF_PLUGINS", "b", {"own", "b"}),
        ("DLF_PLUGINS", " my.npu , dlf_b", {"own", "my-npu", "b"}),
    ],
)
def test_switches(
    make: Make, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, on: set[str]
) -> None:
    found = [make("own", "dlf", dlf_optimizers=nothing)]
    found += [make(name, dlf_optimizers=nothing) for name in ("my-npu", "b")]
    monkeypatch.setenv(variable, value)
    records = Host(lambda: found).records()
    assert {r.name for r in records if r.state == "ok"} == on
    assert all(variable in r.reason for r in records if r.state == "disabled")


def test_disabled_plugin_makes_way_for_its_twin(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLF_DISABLE_PLUGINS", "dlf-a")
    twins = [make("twin", where, dlf_optimizers=nothing) for where in ("dlf-a", "dlf-b")]
    assert [r.state for r in Host(lambda: twins).records()] == ["disabled", "ok"]


def test_misspelt_switch_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_PLUGINS", "npv")
    with pytest.warns(UserWarning, match="no plugin is named 'npv'; did you mean 'npu'"):
        Host(lambda: [make("npu", dlf_optimizers=nothing)]).records()


def test_strict_raises_each_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_STRICT_PLUGINS", "1")
    bad = device(make, "a", requires_api=">=7")
    host = Host(lambda: [device(make, "b", device_type="gpu"), bad])
    for _ in range(2):
        with pytest.raises(IncompatiblePluginError, match=r"plugin 'a' of dlf-a 1\.0"):
            host.records()


def test_strict_lets_good_and_disabled_plugins_pass(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLF_STRICT_PLUGINS", "1")
    monkeypatch.setenv("DLF_DISABLE_PLUGINS", "bad")
    host = Host(lambda: [device(make, "a"), Found("bad", "no_such", "dlf-bad", "1")])
    assert [r.state for r in host.records()] == ["ok", "disabled"]


def test_device_types_become_methods_of_tensor() -> None:
    get_host().backend_specs()
    x = dlf.ones(2)
    assert x.sim(1).device == dlf.device("sim", 1) and x.sim("sim:1").is_sim
    assert not x.is_sim and x.sim().cpu().is_cpu
    with pytest.raises(AttributeError):
        x.nosuchdevice()

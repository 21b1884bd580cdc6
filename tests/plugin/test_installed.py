"""Installed packages that fail in every way we know: dlf goes on, and says whose fault it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.packages import PACKAGES, installed_once
from tests.support.environment import Environment

_REPORT = """
import json, sys
import dlf
from dlf.plugin import get_host

host = get_host()
def load(device_type):
    try:
        return list(host.load_backend(device_type).probe.devices)
    except Exception as error:
        cause = error.__cause__
        return [type(error).__name__, str(error), type(cause).__name__]

devices = {d: load(d) for d in sys.argv[1:]}
records = {
    r.distribution + ":" + r.name: [r.state, r.reason, r.version, type(r.error).__name__]
    for r in host.records(probe=True)
}
print(json.dumps({
    "devices": devices,
    "records": records,
    "specs": {s.device_type: r.distribution for s, r in host.backend_specs()},
    "overlays": [[o.name, sorted(o.kernels)] for o in host.overlays("good")],
    "optimizers": {n: o.record.distribution for n, o in host.optimizers().items()},
    "datasets": {n: d.record.distribution for n, d in host.datasets().items()},
}))
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed_once(tmp_path_factory, "plugin-packages", PACKAGES)


def report(environment: Environment, *devices: str, **variables: str) -> dict[str, Any]:
    cleared = {"DLF_PLUGINS": "", "DLF_DISABLE_PLUGINS": "", "DLF_STRICT_PLUGINS": ""}
    script = environment.folder / "report.py"
    if not script.exists():
        script.write_text(_REPORT)
    done = environment.run(str(script), *devices, **(cleared | variables))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def together(environment: Environment) -> dict[str, Any]:
    return report(
        environment, "cpu", "good", "newer", "raising", "other", "ghost", "absent", "rival"
    )


EXPECTED = [
    ("dlf-good:good", "ok", [""], "NoneType"),
    ("dlf-newer:newer", "ok", ["built for kernel API >=1.9,<2"], "NoneType"),
    (
        "dlf-import-error:import_error",
        "broken",
        ["ImportError: the npu's driver is not installed", "OSError: libnpu.so.3: cannot open"],
        "ImportError",
    ),
    (
        "dlf-syntax-error:syntax_error",
        "broken",
        ["SyntaxError", "dlf_syntax_error.py, line 1"],
        "SyntaxError",
    ),
    ("dlf-system-exit:system_exit", "broken", ["SystemExit: wrong machine"], "SystemExit"),
    ("dlf-other-api:other_api", "incompatible", [">=2.0,<3", "1.0"], "IncompatiblePluginError"),
    ("dlf-misspelt:misspelt", "broken", ["did you mean 'dlf_backends'"], "PluginError"),
    (
        "dlf-raising:raising",
        "broken",
        ["dlf_datasets failed: ValueError: no list of datasets"],
        "ValueError",
    ),
    ("dlf-probe-raises:probe_raises", "unavailable", ["'ghost'", "OSError: no bus"], "OSError"),
    ("dlf-absent:absent", "unavailable", ["'absent'", "no driver; install one"], "NoneType"),
    ("dlf-twin-one:twin", "ok", [""], "NoneType"),
    ("dlf-twin-two:twin", "shadowed", ["dlf-twin-one 4.2", "dlf-twin-two 4.2"], "NoneType"),
    ("dlf-rival-one:rival_one", "ok", [""], "NoneType"),
    (
        "dlf-rival-two:rival_two",
        "shadowed",
        ["device type 'rival'", "dlf-rival-one 4.2", "dlf-rival-two 4.2"],
        "NoneType",
    ),
]


def test_every_package_is_expected() -> None:
    assert {key.split(":")[0] for key, *_ in EXPECTED} == set(PACKAGES)


@pytest.mark.parametrize(
    ("key", "state", "reasons", "error"), EXPECTED, ids=[key for key, *_ in EXPECTED]
)
def test_state(
    together: dict[str, Any], key: str, state: str, reasons: list[str], error: str
) -> None:
    found, reason, version, kind = together["records"][key]
    assert (found, version, kind) == (state, "4.2", error)
    assert [part for part in reasons if part not in reason] == []
    assert "\n" not in reason
    assert state == "ok" or reason


def test_built_in_plugins_are_untouched(together: dict[str, Any]) -> None:
    assert together["records"]["dlf:numpy_cpu"][0] == "ok"
    assert together["specs"]["cpu"] == "dlf"
    assert together["devices"]["cpu"][0].startswith("NumPy")


def test_what_the_good_ones_give_is_there(together: dict[str, Any]) -> None:
    assert together["devices"]["good"] == together["devices"]["newer"] == ["one"]
    assert together["overlays"] == [["overlay", ["add"]]]
    assert together["optimizers"]["good_optimizer"] == "dlf-good"
    assert together["datasets"]["good_data"] == "dlf-good"
    assert together["specs"]["rival"] == "dlf-rival-one"
    assert together["devices"]["rival"] == ["one"]


def test_what_a_broken_one_gave_is_rolled_back(together: dict[str, Any]) -> None:
    assert "raising" not in together["specs"]
    assert "rolled_back" not in together["optimizers"]
    kind, message, cause = together["devices"]["raising"]
    assert (kind, cause) == ("PluginError", "ValueError")
    assert "dlf-raising 4.2" in message


def test_using_one_that_cannot_be_used_says_why(together: dict[str, Any]) -> None:
    devices = together["devices"]
    assert devices["other"][0] == "IncompatiblePluginError"
    assert "dlf-other-api 4.2" in devices["other"][1]
    assert devices["ghost"][::2] == ["DeviceUnavailableError", "OSError"]
    assert "dlf-probe-raises 4.2" in devices["ghost"][1]
    assert devices["absent"][0] == "DeviceUnavailableError"
    assert "no driver; install one" in devices["absent"][1]


def test_disable_all_and_some(environment: Environment) -> None:
    records = report(environment, DLF_DISABLE_PLUGINS="1")["records"]
    assert {r[0] for key, r in records.items() if not key.startswith("dlf:")} == {"disabled"}
    found = report(environment, "twin_two", DLF_DISABLE_PLUGINS="dlf-twin-one,system_exit")
    assert found["records"]["dlf-twin-one:twin"][0] == "disabled"
    assert found["records"]["dlf-system-exit:system_exit"][0] == "disabled"
    assert found["devices"]["twin_two"] == ["one"]


def test_only_these(environment: Environment) -> None:
    records = report(environment, DLF_PLUGINS="good,newer")["records"]
    on = {key for key, r in records.items() if r[0] == "ok" and not key.startswith("dlf:")}
    assert on == {"dlf-good:good", "dlf-newer:newer"}
    assert records["dlf:numpy_cpu"][0] == "ok"


@pytest.mark.parametrize("name", ["system_exit", "other_api", "rival_one,rival_two"])
def test_strict(environment: Environment, name: str) -> None:
    code = (
        "import dlf\nfrom dlf.plugin import get_host\n"
        "from dlf.errors import PluginError\n"
        "try: get_host().records()\n"
        "except PluginError as error: print(error)"
    )
    done = environment.run(
        "-c", code, DLF_STRICT_PLUGINS="1", DLF_PLUGINS=name, DLF_DISABLE_PLUGINS=""
    )
    assert done.returncode == 0, done.stderr
    assert f"plugin '{name.split(',')[-1]}' of dlf-" in done.stdout


def test_unknown_device_lists_what_is_not_in_use(environment: Environment) -> None:
    found = report(environment, "npu", DLF_PLUGINS="import_error")["devices"]["npu"]
    assert found[0] == "UnknownNameError"
    assert "plugin 'import_error' of dlf-import-error 4.2" in found[1]
    assert "libnpu.so.3" in found[1]


@pytest.mark.parametrize("distribution", PACKAGES)
def test_dlf_works_beside_each_alone(environment: Environment, distribution: str) -> None:
    code = "import dlf; assert dlf.ones(2).sum().item() == 2"
    done = environment.run("-c", code, DLF_PLUGINS=distribution, DLF_DISABLE_PLUGINS="")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

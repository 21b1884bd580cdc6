"""The device gives what the kernel contract asks for."""

import dlf
import dlf.conform


def test_is_there():
    assert dlf.ones(2, 3).to("my_thing").sum().item() == 6


def test_conforms():
    report = dlf.conform.run("my_thing", level="L1")
    assert report.ok, [f"{one.case.name}: {one.reason}" for one in report.failures]

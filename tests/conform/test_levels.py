"""What a level requires, which groups it runs, and where the host may help."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pytest

import dlf
from dlf import conform, fallback
from dlf.conform import Case, Subject, levels
from dlf.conform.cases.fused_inputs import arguments
from dlf.conform.cases.fused_table import ROWS
from dlf.conform.reference import decomposed
from dlf.registry import registry
from dlf.xp import kernels
from tests.conform.support import Give, Run, good, raises, reasons, statuses


class TestLevels:
    def test_required_are_the_contracts_primitives(self) -> None:
        text = (Path(__file__).parents[2] / "docs" / "kernel-contract.md").read_text("utf-8")
        table = text.partition("<!-- table optional -->")[2].partition("<!-- end -->")[0]
        optional = {name for names in levels.OPTIONAL.values() for name in names.split()}
        assert "asin" in table
        assert set(re.findall(r"^\| `(\w+)\(", table, re.MULTILINE)) <= optional
        required = levels.required_primitives()
        assert {"add", "sort", "matmul", "cast"} <= set(required)
        assert not optional & set(required)

    def test_a_wrong_one(self) -> None:
        with pytest.raises(ValueError, match="'L7': expected one of L0, L1, L2"):
            conform.run("cpu", level="L7")

    def test_required_kernels_that_are_missing_fail(self, give: Give, strangers: None) -> None:
        give(Case("one", good))
        report = conform.run("partial", level="L1")
        found = statuses(report)
        assert found["required/add"] == found["required/neg"] == "passed"
        assert found["required/matmul"] == "failed"
        assert len(report.failures) == len(levels.required_primitives()) - 2
        assert "required/fused" not in found
        assert "required/fused" in statuses(conform.run("partial", level="L2"))
        assert conform.run("partial").ok

    @pytest.mark.parametrize(
        ("device", "level", "expected"),
        [
            ("bare", None, "L0 system plugin"),
            ("cpu", "L0", "L0 system plugin"),
            ("cpu", "L1", " ".join(group for group in conform.GROUPS if group != "L2")),
            ("cpu", "L2", " ".join(conform.GROUPS)),
            ("cpu", None, " ".join(conform.GROUPS)),
        ],
    )
    def test_groups(
        self, give: Give, strangers: None, device: str, level: str | None, expected: str
    ) -> None:
        give(*(Case(group, good, group) for group in conform.GROUPS))
        report = conform.run(device, level=level)
        ran = [one.case.group for one in report.results if "/" not in one.case.name]
        assert ran == expected.split()

    @pytest.mark.parametrize(("device", "level"), [("cpu", "L1"), ("cpu", "L2"), ("sim:1", "L1")])
    def test_in_tree_devices_have_all_that_is_required(self, device: str, level: str) -> None:
        report = conform.run(device, level=level, case="required/*")
        assert report.ok
        assert report.counts["passed"] >= len(levels.required_primitives())

    def test_sim_has_no_fused_kernels(self) -> None:
        (failed,) = conform.run("sim", level="L2", case="required/*").failures
        assert failed.case.name == "required/fused"


class TestElementwise:
    @pytest.mark.parametrize("name", sorted(levels.ELEMENTWISE))
    def test_each_result_is_of_one_element(self, name: str) -> None:
        """The results of the elements in another order are the results in that order."""
        sample = ROWS[name]["matrix"]
        args = arguments(sample, np.random.default_rng(0), "float32")
        arrays = [x for x in args if isinstance(x, np.ndarray)]
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        order = np.random.default_rng(1).permutation(np.prod(shape, dtype=int))
        full = [np.broadcast_to(x, shape) if isinstance(x, np.ndarray) else x for x in args]
        mixed = [
            x.reshape(-1)[order].reshape(shape) if isinstance(x, np.ndarray) else x for x in full
        ]
        once, again = decomposed(name, *full), decomposed(name, *mixed)
        assert once.shape == shape
        np.testing.assert_array_equal(once.reshape(-1)[order], again.reshape(-1))

    def test_what_the_shared_kernels_give_makes_no_device_one_of_l2(self) -> None:
        given = {op.name for op in registry if op.kind == "composite"} & set(kernels(np))
        assert given
        assert given <= levels.ELEMENTWISE


class TestFallback:
    @staticmethod
    def policies(give: Give, device: str, level: str | None = None) -> dict[str, str]:
        found: dict[str, str] = {}

        def run(subject: Subject) -> None:
            here = [fallback.get_policy()]
            other = threading.Thread(target=lambda: here.append(fallback.get_policy()))
            other.start()
            other.join()
            assert here[0] == here[1]
            found[here[0]] = found.get(here[0], "")

        def case(group: str) -> Case:
            def noted(subject: Subject) -> None:
                run(subject)
                found[group] = fallback.get_policy()

            return Case(group, noted, group)

        give(*map(case, ("L0", "L1", "gradient", "system")))
        conform.run(device, level=level)
        return {group: found[group] for group in conform.GROUPS if group in found}

    def test_only_what_a_device_lacks_may_run_on_the_host(
        self, give: Give, strangers: None
    ) -> None:
        before = fallback.get_policy()
        assert self.policies(give, "bare") == {"L0": "allow", "system": "allow"}
        error = dict.fromkeys(("L0", "L1", "gradient", "system"), "error")
        assert self.policies(give, "cpu") == error
        assert self.policies(give, "partial", "L1") == error
        assert self.policies(give, "partial") == error | {"L0": "allow", "system": "allow"}
        assert fallback.get_policy() == before

    def test_an_op_without_a_kernel(self, give: Give, strangers: None) -> None:
        def matmul(subject: Subject) -> None:
            x = subject.tensor(np.ones((2, 2), np.float32))
            assert (x @ x).cpu().tolist() == [[2, 2], [2, 2]]

        def asin(subject: Subject) -> None:
            subject.tensor(np.ones(2, np.float32)).asin()

        cases = [Case("matmul", matmul, "gradient"), Case("asin", asin, "gradient")]
        give(*cases, Case("training", matmul, "system"))
        assert reasons(conform.run("partial")) == {
            "matmul": "needs matmul, which has no kernel",
            "asin": "needs asin, which has no kernel",
        }
        strict = conform.run("partial", level="L1", case="[!r]*")
        assert statuses(strict) == {"matmul": "failed", "asin": "skipped", "training": "failed"}

    def test_a_kernel_that_says_so_itself_fails(self, give: Give, strangers: None) -> None:
        error = dlf.errors.MissingKernelError("op 'add' has no kernel on device partial:0")
        give(Case("add", raises(error), "L1", "add"))
        assert not conform.run("partial").ok

    def test_a_claimed_op_that_ran_on_the_host_fails(self, give: Give, strangers: None) -> None:
        def falls(op: str) -> Run:
            return lambda subject: fallback.note(op, str(subject.device), 8)

        give(Case("add", falls("add"), "system"), Case("mul", falls("mul"), "system"))
        report = conform.run("partial")
        assert reasons(report) == {"add": "has a kernel, but ran on the host: add"}

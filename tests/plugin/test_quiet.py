"""Standard output comes back, in whatever order blocks end."""

from __future__ import annotations

import sys

import pytest

from dlf.plugin.quiet import quiet


def test_print_goes_aside_and_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet() as silent:
        pass
    with quiet() as aside:
        print("chatter")
        assert not sys.stdout.isatty()
        with quiet() as inner:
            print("more")
    print("after")
    assert capsys.readouterr() == ("after\n", "chatter\nmore\n")
    assert (silent.used, aside.used, inner.used) == (False, True, True)


def test_output_is_restored_after_an_error() -> None:
    before = sys.stdout
    with pytest.raises(SystemExit), quiet():
        sys.exit(1)
    assert sys.stdout is before


def test_blocks_of_threads_may_overlap() -> None:
    before = sys.stdout
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.stdout is not before
    second.__exit__(None, None, None)
    assert sys.stdout is before

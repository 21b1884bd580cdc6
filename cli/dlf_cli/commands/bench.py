"""`dlf bench`: how fast one thing is, and what share of the machine's measured peak that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from dlf_cli.console import print_json, say, table
from dlf_cli.device import device_option, open_device, synchronizer
from dlf_cli.group import unknown

if TYPE_CHECKING:
    import dlf
    from dlf_cli.bench.cases import Case, Work
    from dlf_cli.bench.peak import Peak
    from dlf_cli.bench.timing import Timing

__all__ = ["bench"]


@click.command(short_help="Measure an op, an optimizer, a loader or a training step.")
@click.argument("name", required=False)
@device_option
@click.option("--dtype", "dtype_name", help="As in float32; default: the benchmark's own.")
@click.option("--size", type=click.IntRange(min=1), help="What it counts is in `dlf bench --list`.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    help="Time to measure for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--list", "listing", is_flag=True, help="List what can be measured.")
def bench(
    name: str | None,
    where: str,
    dtype_name: str | None,
    size: int | None,
    seconds: float,
    as_json: bool,
    listing: bool,
) -> None:
    """Measure NAME: an op, an optimizer, a dataset's loader or a training step.

    A rate is set against what the machine reached in the same run: arithmetic against the fastest
    matrix product, memory traffic against the fastest copy. More than 100 % means that the data
    fitted into a cache. What ran on the host because the device has no kernel for it is counted.
    """
    from dlf_cli.bench.cases import Setup, all_cases
    from dlf_cli.bench.fallbacks import counted
    from dlf_cli.bench.peak import measure_peak
    from dlf_cli.bench.timing import measure

    cases = all_cases()
    if listing:
        _list(cases, as_json)
        return
    if name is None:
        raise click.UsageError("name what to measure; `dlf bench --list` shows it all")
    if name not in cases:
        raise unknown("benchmark", name, cases)
    case = cases[name]
    device, dtype = open_device(where), _dtype(dtype_name or case.dtype)
    size = size or case.size
    work = _build(case, Setup(device, dtype), size)
    synchronize = synchronizer(device)
    # Before and after: a machine that is busy for a moment must not pass for a slow one.
    with counted() as in_peak:
        peak = measure_peak(device, dtype, synchronize, min(seconds, 1.0) / 4)
    with counted() as timed:
        timing = measure(work.run, synchronize, seconds)
    with counted(in_peak):
        peak = peak.best(measure_peak(device, dtype, synchronize, min(seconds, 1.0) / 4))
    report = _report(case, work, timing, peak)
    report |= {"device": str(device), "dtype": dtype.name, "size": size, "means": case.means}
    report |= {"fallbacks": asdict(timed), "peak_fallbacks": asdict(in_peak)}
    if as_json:
        print_json(report)
    else:
        _page(report)


def _list(cases: dict[str, Case], as_json: bool) -> None:
    rows = [(name, case.kind, case.rate, case.size, case.means) for name, case in cases.items()]
    columns = ("name", "kind", "rate", "size", "counts")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(columns, rows)


def _dtype(name: str) -> dlf.dtype:
    import dlf

    known = {one.name: one for one in vars(dlf).values() if isinstance(one, dlf.dtype)}
    if name not in known:
        raise unknown("dtype", name, known)
    return known[name]


def _build(case: Case, setup: Any, size: int) -> Work:
    """Make the inputs and call it once; what cannot run there is the user's to know in one line."""
    import dlf
    from dlf.errors import DlfError

    dlf.manual_seed(0)
    try:
        work = case.build(setup, size)
        work.run()
    except DlfError:
        raise
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        raise click.UsageError(
            f"{case.name} does not run with {setup.dtype.name} and size {size} "
            f"on {setup.device}: {error}"
        ) from error
    return work


def _report(case: Case, work: Work, timing: Timing, peak: Peak) -> dict[str, Any]:
    amount = {"GFLOP/s": work.flops / 1e9, "GB/s": work.bytes / 1e9, "samples/s": work.samples}[
        case.rate
    ]
    if work.flops:
        share, against = work.flops / timing.best / peak.flops, "matmul"
    else:
        share, against = work.bytes / timing.best / peak.bytes, "copy"
    return {
        "name": case.name,
        "kind": case.kind,
        "seconds": {
            "best": timing.best,
            "median": timing.median,
            "rounds": timing.rounds,
            "calls": timing.calls,
        },
        "work": {"flops": work.flops, "bytes": work.bytes, "samples": work.samples},
        "rate": {"unit": case.rate, "best": amount / timing.best, "median": amount / timing.median},
        "peak": {"matmul_gflops": peak.flops / 1e9, "copy_gbs": peak.bytes / 1e9},
        "share_of_peak": share,
        "peak_used": against,
    }


def _page(report: dict[str, Any]) -> None:
    rate, seconds, peak = report["rate"], report["seconds"], report["peak"]
    against = {
        "matmul": f"{peak['matmul_gflops']:.1f} GFLOP/s of a matrix product",
        "copy": f"{peak['copy_gbs']:.1f} GB/s of a copy",
    }[report["peak_used"]]
    say(
        f"{report['name']} ({report['kind']}) on {report['device']}, {report['dtype']}, "
        f"{report['size']} {report['means']}"
    )
    table(
        ("", "best", "median"),
        [
            ("time a call", _time(seconds["best"]), _time(seconds["median"])),
            (rate["unit"], f"{rate['best']:,.1f}", f"{rate['median']:,.1f}"),
        ],
    )
    share = report["share_of_peak"]
    say(f"{_bar(share)} {share:.1%} of the measured peak, {against}")
    say(_fallbacks(report["fallbacks"], report["device"]))
    if report["peak_fallbacks"]["calls"]:
        say("warning: the peak was measured with host fallbacks too; it is not the device's")


def _fallbacks(found: dict[str, Any], device: str) -> str:
    """The line that says whether the time is the device's own."""
    if not found["calls"]:
        return "host fallbacks: none"
    ops = ", ".join(f"{op} {calls}" for op, calls in found["ops"].items())
    return (
        f"warning: host fallbacks were timed, so this is not the speed of {device} alone: "
        f"{found['calls']} calls ({ops}), {found['bytes']} bytes copied"
    )


def _bar(share: float, width: int = 30) -> str:
    full = min(width, max(0, round(share * width)))
    return "[" + "#" * full + "." * (width - full) + "]"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"

"""The emulated card's compiler: from a CUDA source to a shared library of the host.

The library `libcard` starts it for each program that is given to NVRTC:

    python kernels.py CONFIGURATION JOB

CuPy's kernels are compiled behind `card/prefix.h`, the project's own behind the shim of
`tests/cuda`. It prints the library's path and a line for each name expression; where the source
does not compile it prints the compiler's messages and its exit status is 1. Libraries are kept by
their content. Where ``DLF_CARD_NVRTC`` names a real NVRTC, which needs no card, that one has to
take the source with all its options as well.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

FLAGS = ["-std=c++17", "-O1", "-fPIC", "-shared", "-fno-strict-aliasing", "-w"]
# NVRTC lets pass what the host's compiler would refuse in CuPy's templates.
LENIENT = [*FLAGS, "-fpermissive"]

_MEETS = re.compile(r"__sync|__shfl|_sync\(|__ballot")
_DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:__align__\(\d+\)\s*)?([\w:<>, ]+?)\s*(\w+)\[\]\s*;",
)
_C_ENTRY = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\('
)
_ENTRY = re.compile(r"__global__\s+void\s+(\w+)\s*\(")


def main() -> int:
    configuration = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    source, options, expressions = _job(Path(sys.argv[2]))
    names = {expression: f"x{at}" for at, expression in enumerate(expressions)}
    if messages := _refused(source, options, expressions):
        print(f"the real NVRTC refuses it:\n{messages[:8000]}")
        return 1
    options = [option for option in options if option.startswith(("-I", "-D"))]
    # The sources of the project know the shim by this macro.
    translate = _of_project if "DLF_HOST" in source else _of_cupy
    text, command = translate(configuration, source, options, names)
    library, messages = _compiled(configuration, text, command)
    if messages:
        print(messages[:8000])
        return 1
    print(library, *(f"{expression}\t{name}" for expression, name in names.items()), sep="\n")
    return 0


def _job(path: Path) -> tuple[str, list[str], list[str]]:
    """Source, options and name expressions, each field behind a letter and before a zero byte."""
    fields = path.read_bytes().decode().split("\0")[:-1]
    of = {kind: [field[1:] for field in fields if field[0] == kind] for kind in "son"}
    return of["s"][0], of["o"], of["n"]


def _refused(source: str, options: list[str], expressions: list[str]) -> str:
    """The messages of the NVRTC that ``DLF_CARD_NVRTC`` names; empty if it takes the source."""
    path = os.environ.get("EMULATED_CARD_NVRTC")
    if not path:
        return ""
    library, program = ctypes.CDLL(path), ctypes.c_void_p()
    made = ctypes.byref(program)
    library.nvrtcCreateProgram(made, source.encode(), b"kernel.cu", 0, None, None)
    for expression in expressions:
        library.nvrtcAddNameExpression(program, expression.encode())
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = library.nvrtcCompileProgram(program, len(options), given)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    messages = ctypes.create_string_buffer(max(size.value, 1))
    library.nvrtcGetProgramLog(program, messages)
    library.nvrtcDestroyProgram(made)
    return (messages.value.decode(errors="replace") or f"status {status}") if status else ""


def _of_project(
    configuration: Any, source: str, options: list[str], names: dict[str, str]
) -> tuple[str, list[str]]:
    """One of the project's sources, whose entries are where its macro KERNEL leaves them."""
    macros = [option for option in options if option.startswith("-D")]
    bare = re.sub(r"^#include <.*>$", "", source, flags=re.MULTILINE)
    compiler = configuration["compiler"]
    command = [compiler, "-E", "-P", "-x", "c++", "-DDLF_HOST", *macros, "-"]
    found = subprocess.run(command, input=bare, capture_output=True, text=True, check=True)
    entries = re.findall(r"\bKERNEL\s+(\w+)\s*\(", found.stdout)
    text = f'#include "cuda_shim.h"\n#include "kernel.h"\nnamespace own {{\n{source}\n}}\n'
    text += '#line 1 "exports"\n'
    text += "".join(f"CARD_EXPORT({name}, &own::{name}, kCardStrictFibers)\n" for name in entries)
    places = [f"-I{configuration[name]}" for name in ("shim", "card")]
    text += f"// {configuration['card_stamp']} {configuration['shim_stamp']}\n"
    return text, [compiler, *FLAGS, *places, *macros]


def _of_cupy(
    configuration: Any, source: str, options: list[str], names: dict[str, str]
) -> tuple[str, list[str]]:
    """A source of CuPy's, or a user's `RawKernel`."""
    threads = "kCardFibers" if _MEETS.search(source) else "kCardStraight"
    source = _DYNAMIC.sub(r"\1* \2 = (\1*)shim::dynamic_shared;", source)
    entries = _C_ENTRY.findall(source)
    if 'extern "C" {' in source:
        entries += [name for name in _ENTRY.findall(source) if name not in entries]
    text = f'#include "prefix.h"\n#line 1 "kernel"\n{source}\n#line 1 "exports"\n'
    text += "".join(f"CARD_EXPORT({name}, &{name}, {threads})\n" for name in entries)
    for expression, name in names.items():
        text += f"CARD_EXPORT({name}, (&{expression}), {threads})\n"
    # The compiled prefix is found before the plain one.
    places = [f"-I{configuration[name]}" for name in ("prefix", "card")]
    text += f"// {configuration['card_stamp']}\n"
    return text, [configuration["compiler"], *LENIENT, configuration["macro"], *places, *options]


def _compiled(configuration: Any, text: str, command: list[str]) -> tuple[Path, str]:
    """The library of `text`, and why there is none; compiled if no process did so before."""
    # The headers' content is in the text: where the card was built does not matter.
    key = "\0".join([text, *command]).replace(configuration["home"], "")
    folder = Path(configuration["kernels"])
    target = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    if target.exists():
        return target, ""
    # One lock for some kernels, so that there are not as many files as kernels.
    with open(folder / f"{target.name[:2]}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return target, ""
        main = target.with_suffix(".cpp")
        main.write_text(text, "utf-8")
        made = target.with_suffix(".made")
        libraries = [f"-L{configuration['lib']}", "-lcard"]
        run = [*command, str(main), "-o", str(made), *libraries]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        if done.returncode:
            return target, done.stderr or "the compiler gave no message"
        os.replace(made, target)
        main.unlink()
    return target, ""


if __name__ == "__main__":
    sys.exit(main())

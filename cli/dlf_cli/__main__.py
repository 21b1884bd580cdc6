"""``python -m dlf_cli`` is the program `dlf`."""

from __future__ import annotations

from dlf_cli.main import main

main(prog_name="dlf")

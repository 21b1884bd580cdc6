"""A throw-away virtual environment that sees this one's packages, to install further ones into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder; what is installed there is seen from there only."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Environment:
        """Make the environment without pip of its own; no package is copied."""
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        made = cls(folder)
        # The path file must be read before those of this environment's editable installs.
        lines = [f"import site; site.addsitedir({p!r})" for p in sys.path if "site-packages" in p]
        (made.site_packages / "_parent.pth").write_text("\n".join(lines) + "\n")
        return made

    @property
    def site_packages(self) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "venv", base))

    @property
    def python(self) -> Path:
        return Path(sysconfig.get_path("scripts", "venv", {"base": str(self.folder)})) / "python"

    def install(self, project: Path, work: Path) -> None:
        """Build `project` in a copy of it under `work`, and install it without its dependencies."""
        source = work / project.name
        shutil.copytree(project, source, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        command += ["--no-index", "--no-deps", "--no-build-isolation", str(source)]
        subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | _CALM)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python from its folder, with these variables added."""
        return subprocess.run(
            [str(self.python), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=os.environ | environment,
            check=False,
        )


_CALM = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}

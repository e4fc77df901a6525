"""The releases: which ones, fetched with pip as sdists, checked against their hashes, and laid out to be run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "replay"
LOCK = HERE / "sdists.lock"


@dataclass
class Package:
    """One package of packages.toml: what it is imported as, where its code and its tests lie in the sdist, which releases."""

    name: str
    modules: list[str]
    versions: list[str]
    tests: list[str]
    lib: str = ""
    in_package: bool = False
    args: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The updates: each release to the next."""
        return list(zip(self.versions, self.versions[1:], strict=False))


@dataclass
class Release:
    """One release on disk: ``lib`` is what belongs on the path, ``root`` the rest of the sdist, from where its tests run."""

    package: Package
    version: str
    place: Path

    @property
    def lib(self) -> Path:
        return self.place / "lib"

    @property
    def root(self) -> Path:
        return self.place / "root"


def packages() -> list[Package]:
    """What packages.toml names."""
    rows: list[dict[str, Any]] = tomllib.loads((HERE / "packages.toml").read_text(encoding="utf-8"))[
        "package"
    ]
    return [Package(**row) for row in rows]


def locked() -> dict[str, str]:
    """``name==version`` -> SHA-256 of its sdist."""
    if not LOCK.exists():
        return {}
    lines = (line.split() for line in LOCK.read_text(encoding="utf-8").splitlines())
    return {words[1]: words[0] for words in lines if words and words[0] != "#"}


def lock() -> None:
    """Fetch every sdist without a check and write down what came."""
    lines = [
        f"{hashlib.sha256(_download(package, version).read_bytes()).hexdigest()}  {package.name}=={version}"
        for package in packages()
        for version in package.versions
    ]
    LOCK.write_text(
        "# SHA-256 of the sdists, written by `make replay ARGS=lock`.\n" + "\n".join(lines) + "\n"
    )


def release(package: Package, version: str) -> Release:
    """Fetch and unpack one release, once.

    Raises RuntimeError if it can't be fetched, or isn't what was locked.
    """
    # "site-packages" in the path: the package is part of the program by its name alone, and its tests are none of it.
    found = Release(package, version, BUILD / "trees" / "site-packages" / f"{package.name}-{version}")
    if found.root.exists():
        return found
    archive = _download(package, version)
    wanted = locked().get(f"{package.name}=={version}")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != wanted:
        raise RuntimeError(f"{archive.name} is not what sdists.lock names: remove it, or lock anew")
    unpacked = found.place / "sdist"
    shutil.rmtree(found.place, ignore_errors=True)
    with tarfile.open(archive) as opened:
        opened.extractall(unpacked, filter="data")
    (top,) = unpacked.iterdir()
    found.lib.mkdir()
    for module in package.modules:
        for path in (top / package.lib / module, top / package.lib / f"{module}.py"):
            if path.exists():
                path.rename(found.lib / path.name)
    # What importlib.metadata reads: the sdist's own metadata, where an installation would have put it.
    info = found.lib / f"{package.name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    shutil.copy(top / "PKG-INFO", info / "METADATA")
    top.rename(found.root)
    unpacked.rmdir()
    return found


def _download(package: Package, version: str) -> Path:
    folder = BUILD / "sdists" / f"{package.name}-{version}"
    if not any(folder.glob("*.tar.gz")):
        # pip wants a package's metadata even of an sdist; its build backends are among this benchmark's requirements.
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder)]
        done = subprocess.run(
            [*command, f"{package.name}=={version}"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{package.name} {version} can't be fetched: {done.stderr.strip()[-400:]}")
    return next(iter(folder.glob("*.tar.gz")))

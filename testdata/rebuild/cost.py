#!/usr/bin/env python3
"""What `cargo binlint check --rebuild` costs beside `cargo build` of the same crates.

    cost.py LINTER DIRECTORY [RUNS]

Generates a workspace of 5 members that need 295 vendored crates, builds it for release, and then by
turns touches the roots of the members and builds, and checks with and without `--rebuild`: the time
that passes and the processor time of all processes, in seconds. With `--keep` it counts what lies
beside the build. Prints one line of JSON.
"""
import json, os, resource, shutil, statistics, subprocess, sys, time
from pathlib import Path

LINTER, TOP = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
CRATES, MEMBERS = 295, 5


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def generate():
    shutil.rmtree(TOP, ignore_errors=True)
    for number in range(CRATES):
        name, needs = f"d{number:03}", f"d{number // 2:03}" if number else None
        home = TOP / "vendor" / name
        uses = f"{needs}::of(n)" if needs else "n"
        write(home / "Cargo.toml", f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\n'
              + (f'{needs} = "1"\n' if needs else ""))
        write(home / "src/lib.rs", f"pub fn of(n: u64) -> u64 {{\n    {uses}.rotate_left({number % 60}) ^ {number}\n}}\n")
        write(home / ".cargo-checksum.json", '{"files":{}}')
    write(TOP / ".cargo/config.toml", '[source.crates-io]\nreplace-with = "vendored-sources"\n'
          '[source.vendored-sources]\ndirectory = "vendor"\n')
    body = "".join(f"""
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thing{it} {{ pub a: u64, pub b: String, pub c: Vec<u32> }}
pub fn make{it}(n: u64) -> Thing{it} {{
    let mut all = std::collections::BTreeMap::new();
    for i in 0..n {{ all.insert(i.to_string(), i * {it}); }}
    Thing{it} {{ a: all.len() as u64, b: format!("{{all:?}}"), c: all.values().map(|it| *it as u32).collect() }}
}}
""" for it in range(60))
    all_crates = "".join(f'd{number:03} = "1"\n' for number in range(CRATES))
    for member in range(1, MEMBERS):
        write(TOP / f"m{member}/Cargo.toml", f'[package]\nname = "m{member}"\nversion = "0.1.0"\nedition = "2021"\n'
              f"[dependencies]\n{all_crates}")
        write(TOP / f"m{member}/src/lib.rs", body + f"pub fn of(n: u64) -> usize {{\n    make3(d{member * 50:03}::of(n) % 9).b.len()\n}}\n")
    members = "".join(f'm{it} = {{ path = "m{it}" }}\n' for it in range(1, MEMBERS))
    write(TOP / "Cargo.toml", f'[package]\nname = "m0"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{members}{all_crates}'
          f'[workspace]\nmembers = [{", ".join(chr(34) + f"m{it}" + chr(34) for it in range(1, MEMBERS))}]\n')
    calls = " + ".join(f"m{it}::of(n)" for it in range(1, MEMBERS))
    write(TOP / "src/main.rs", body + f'fn main() {{\n    let n = std::env::args().count() as u64;\n    println!("{{}} {{:?}}", {calls}, make7(n));\n}}\n')


def run(*words):
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    begin, before = time.monotonic(), used()
    env = {**os.environ, "CARGO_INCREMENTAL": "0", "CARGO_TERM_COLOR": "never"}
    done = subprocess.run(words, cwd=TOP, env=env, capture_output=True, text=True)
    return {"wall": time.monotonic() - begin, "cpu": used() - before}, done


def build():
    cost, done = run("cargo", "build", "--release", "--offline")
    assert done.returncode == 0, done.stderr[-2000:]
    return cost, done.stderr.count("Compiling")


def check(*more):
    cost, done = run(LINTER, "check", "--release", "--format", "json", *more)
    return cost, json.loads(done.stdout)["subjects"][0]["rebuild"]


def size(top, wanted=lambda path: True):
    return sum(it.lstat().st_size for it in top.rglob("*") if it.is_file() and not it.is_symlink() and wanted(it))


generate()
assert build()[1] == CRATES + MEMBERS
roots = [TOP / "src/main.rs", *(TOP / f"m{it}/src/lib.rs" for it in range(1, MEMBERS))]
built, plain, again = [], [], []
for _ in range(RUNS):
    for root in roots:
        root.touch()
    cost, compiled = build()
    assert compiled == MEMBERS
    built.append(cost)
    plain.append(check()[0])
    cost, rebuild = check("--rebuild")
    assert rebuild["outcome"] == "equal" and len(rebuild["compiled"]) == MEMBERS, rebuild
    again.append({**cost, "inside": rebuild["milliseconds"] / 1000})
kept = Path(check("--rebuild", "--keep")[1]["kept"])
own = lambda path: path.name.split("-")[0].split(".")[0] in [f"{pre}m{it}" for it in range(MEMBERS) for pre in ("", "lib")]
deps = TOP / "target/release/deps"
middle = lambda all, key: round(statistics.median(it[key] for it in all), 2)
result = {
    "runs": RUNS, "crates": CRATES + MEMBERS, "compiled": MEMBERS,
    "build_wall": middle(built, "wall"), "build_cpu": middle(built, "cpu"),
    "check_wall": middle(plain, "wall"), "check_cpu": middle(plain, "cpu"),
    "rebuild_wall": middle(again, "inside"),
    "rebuild_cpu": round(middle(again, "cpu") - middle(plain, "cpu"), 2),
    "disk_beside": size(kept), "disk_own": size(deps, own),
}
result["ratio_wall"] = round(result["rebuild_wall"] / result["build_wall"], 2)
result["ratio_cpu"] = round(result["rebuild_cpu"] / result["build_cpu"], 2)
result["ratio_disk"] = round(result["disk_beside"] / result["disk_own"], 2)
shutil.rmtree(kept)
print(json.dumps(result))

#!/usr/bin/env python3
"""Packages of the registry under `cargo binlint check --rebuild`: each honest build, and edits that
Cargo does not see.

    measure.py LINTER DIRECTORY [NAME...]

Fetches each package by cargo, builds it in DIRECTORY, checks it, and then draws edits of five kinds
(number, operator, text, line, function) in its own sources. An edit keeps the file's date, and cargo
has to answer that there is nothing to compile. The oracle is cargo: the edited file is touched and
built, and the program either is the one of before (the edit is of dead code) or another one. The
linter has to say `equal` for the first and to deny the second. The target directory's inodes, dates
and digests are compared before and after every check.

One line of JSON for each package goes to DIRECTORY/results.jsonl, and a package that has one is not
built again; the table is printed at the end.
Exit: 0 if everything is as the oracle says, else 1.
"""
import hashlib, json, os, random, re, shutil, subprocess, sys
from pathlib import Path

LINTER, TOP = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
ONLY = sys.argv[3:]
KINDS = ["number", "operator", "text", "line", "function"]
# No more edits of one kind are tried until one is compiled to another program.
TRIES = 3

# name, version, what is appended to the manifest's profile, more
PACKAGES = [
    ("base100", "0.4.1", "", {}),
    ("choose", "1.3.7", "codegen-units = 16\nstrip = true", {}),
    ("csview", "1.3.4", "", {}),
    ("diffr", "0.1.5", "debug = true", {}),
    ("docopt", "1.1.1", 'lto = "thin"', {}),
    ("hexdino", "0.1.3", 'opt-level = "z"', {}),
    ("huniq", "2.7.0", 'debug = true\nsplit-debuginfo = "packed"', {}),
    ("kibi", "0.3.3", "", {}),
    ("lolcat", "1.5.0", "incremental = true", {}),
    ("nomino", "1.6.4", 'lto = "fat"\ncodegen-units = 1', {}),
    ("pastel", "0.12.0", 'debug = "line-tables-only"', {}),
    ("pulldown-cmark", "0.13.6", "", {}),
    ("runiq", "2.1.0", "", {"target": True}),
    ("ruplacer", "0.10.0", 'panic = "abort"\nopt-level = "s"', {}),
    ("rustfilt", "0.2.2", 'codegen-units = 1\npanic = "abort"', {"vendored": True}),
    ("shellharden", "4.3.2", 'lto = "fat"', {}),
    ("titlecase", "3.6.0", "", {"vendored": True}),
    ("ttyper", "1.6.0", 'strip = "symbols"\nopt-level = "s"', {}),
    # Libraries of the registry as members of a workspace, under a program that uses them.
    ("itoa", "1.0.15", "", {"members": ["itoa"], "git": "ryu", "main": """
fn main() {
    let n = std::env::args().count();
    println!("the numbers {} {}", itoa::Buffer::new().format(n * 17), ryu::Buffer::new().format(n as f64 * 1.5));
}
"""}),
    ("lipsum", "0.9.1", "", {"members": ["lipsum"], "main": """
fn main() {
    println!("some words: {} {}", lipsum::lipsum(std::env::args().count() * 9), lipsum::LOREM_IPSUM.len());
}
"""}),
    ("serde", "1.0.228", 'lto = "thin"\npanic = "abort"', {
        "members": ["serde", "serde_core", "serde_derive"],
        "edit": ["src"],
        "use": {"serde": 'features = ["derive"]', "serde_json": ""}, "main": """
#[derive(serde::Serialize, serde::Deserialize)]
struct Point { x: usize, y: Option<String> }
fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut point: Point = serde_json::from_str(&text).unwrap_or(Point { x: 17, y: Some(text) });
    if point.x < 9 { point.x = point.x + 40; }
    println!("the point {}", serde_json::to_string(&point).unwrap());
}
"""}),
    ("thiserror", "2.0.17", "", {
        "members": ["thiserror", "thiserror-impl"], "edit": ["src"], "main": """
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("too few: {0} of them")]
    Few(usize),
    #[error("no number")]
    None(#[from] std::num::ParseIntError),
}
fn number(text: &str) -> Result<usize, Problem> {
    let number: usize = text.parse()?;
    if number < 12 { return Err(Problem::Few(number + 1)); }
    Ok(number * 3)
}
fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    match number(&text) {
        Ok(number) => println!("the number {number}"),
        Err(problem) => println!("no: {problem}"),
    }
}
"""}),
]


def run(words, cwd, env=None, check=True):
    env = {**os.environ, "CARGO_TERM_COLOR": "never", **(env or {})}
    for name in ["CARGO_INCREMENTAL", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"]:
        env.pop(name, None)
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"{words} in {cwd}: {done.stderr[-3000:]}")
    return done


def source_of(name, version):
    """Where cargo keeps a package's sources; it fetches them."""
    glue = TOP / "fetch" / f"{name}-{version}"
    (glue / "src").mkdir(parents=True, exist_ok=True)
    (glue / "src/lib.rs").write_text("")
    (glue / "Cargo.toml").write_text(
        f'[package]\nname = "fetch"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        f'[dependencies]\n{name} = "={version}"\n')
    run(["cargo", "fetch", "-q"], glue)
    # A package without a library is locked and fetched, and in no graph.
    locked = re.search(rf'name = "{name}"\nversion = "(.*)"', (glue / "Cargo.lock").read_text())[1]
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return next(home.glob(f"registry/src/*/{name}-{locked}"))


def place(name, version, profile, more):
    """The package or workspace, ready to be built; its arguments for cargo."""
    top = TOP / name
    shutil.rmtree(top, ignore_errors=True)
    if "members" not in more:
        shutil.copytree(source_of(name, version), top)
        manifest = top / "Cargo.toml"
        text = re.sub(r"(?ms)^\[profile\.release[^\]]*\]\n.*?(?=^\[|\Z)", "", manifest.read_text())
        if not re.search(r"(?m)^\[workspace\b", text):
            text += "\n[workspace]\n"
        manifest.write_text(text + f"\n[profile.release]\n{profile}\n")
    else:
        used = more.get("use", {name: ""})
        dependencies, patches = [], []
        for member in more["members"]:
            shutil.copytree(source_of(member, version), top / member)
            patches.append(f'{member} = {{ path = "{member}" }}')
        for one, extra in used.items():
            dependencies.append(f'{one} = {{ version = "1", {extra} }}' if one != name
                                else f'{one} = {{ path = "{one}", {extra} }}')
        if "git" in more:
            other = TOP / "git" / more["git"]
            shutil.rmtree(other, ignore_errors=True)
            shutil.copytree(source_of(more["git"], "1"), other)
            for words in (["init", "-q"], ["add", "-f", "."], ["commit", "-qm", "first"]):
                run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], other)
            dependencies.append(f'{more["git"]} = {{ git = "file://{other}" }}')
        (top / "src").mkdir(parents=True)
        (top / "src/main.rs").write_text(more["main"])
        members = ", ".join(f'"{it}"' for it in more["members"])
        (top / "Cargo.toml").write_text(
            f'[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n'
            f'[workspace]\nmembers = [{members}]\n[patch.crates-io]\n' + "\n".join(patches)
            + "\n[dependencies]\n" + "\n".join(dependencies).replace(", }", " }")
            + f"\n[profile.release]\n{profile}\n")
    arguments = []
    if more.get("target"):
        said = run(["rustc", "-vV"], top).stdout
        arguments = ["--target", re.search(r"host: (\S+)", said)[1]]
    run(["cargo", "fetch"], top)
    if more.get("vendored"):
        config = run(["cargo", "vendor", "-q"], top).stdout
        (top / ".cargo").mkdir(exist_ok=True)
        (top / ".cargo/config.toml").write_text(config)
    return top, arguments


def build(top, arguments):
    done = run(["cargo", "build", "--release", "--offline", "--bins", *arguments], top)
    return re.findall(r"(?m)^ *Compiling (\S+)", done.stderr)


def programs(top, arguments):
    """The digests of the programs that cargo hands out."""
    directory = top / "target" / (arguments[1] if arguments else "") / "release"
    files = [it for it in directory.iterdir() if it.is_file() and os.access(it, os.X_OK) and "." not in it.name]
    return {it.name: hashlib.sha256(it.read_bytes()).hexdigest() for it in files}


def snapshot(directory):
    found = {}
    for path in [directory, *directory.rglob("*")]:
        about = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path] = (about.st_ino, about.st_mtime_ns, about.st_size, digest)
    return found


def check(top, arguments):
    """The rebuild's answer for each program, what is denied, and the processor time in seconds."""
    before = snapshot(top / "target")
    done = run([LINTER, "check", "--release", "--rebuild", "--format", "json", *arguments], top, check=False)
    assert snapshot(top / "target") == before, f"{top}: the build in question was touched"
    report = json.loads(done.stdout)
    answers, denied = {}, set()
    for subject in report["subjects"]:
        if subject.get("rebuild"):
            answers[subject["name"]] = subject["rebuild"]
        for outcome in subject["outcomes"]:
            if outcome["rule"] == "not-reproduced" and outcome["outcome"] == "fail":
                assert done.returncode == 1, "a denial has exit code 1"
                denied.add(subject["name"])
    return answers, denied


def tokens(text):
    """The text without its comments, tests and texts: what edits of code are drawn from."""
    text = text.split("#[cfg(test)]")[0]
    blank = lambda found: " " * len(found[0])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|#!?\[[^\]]*\]', blank, text, flags=re.S)


def edits(kind, text, drawn):
    """Edits of one kind: the new text of the file."""
    code = tokens(text)
    def at(pattern, replace, source=code):
        return [(it.start(), it.end(), replace(it)) for it in re.finditer(pattern, source)]
    if kind == "number":
        found = at(r"(?<![\w.'])[1-9]\d{0,3}(?![\w.'])", lambda it: str(int(it[0]) + 1))
    elif kind == "operator":
        other = {" + ": " - ", " - ": " + ", " == ": " != ", " != ": " == ", " && ": " || ",
                 " || ": " && ", " >= ": " > ", " <= ": " < ", " * ": " + "}
        found = at(r" (?:\+|-|==|!=|&&|\|\||>=|<=|\*) ", lambda it: other[it[0]])
    elif kind == "text":
        end = len(code)
        plain = r'"[A-Za-z][A-Za-z ,.:-]{5,}[^"\\\n]*"'
        kept = re.sub(r"//[^\n]*|#!?\[[^\]]*\]", lambda it: " " * len(it[0]), text[:end])
        found = at(plain, lambda it: it[0][:3] + ("q" if it[0][3] != "q" else "z") + it[0][4:], kept)
    elif kind == "line":
        found = at(r"\bfn \w+\([^;{}]*\{\n", lambda it: text[it.start():it.end()]
                   + "    std::hint::black_box(std::process::id());\n")
    else:
        found = at(r"(?m)^ *(?:pub )?fn main\([^;{}]*\{\n", lambda it:
                   "#[inline(never)]\nfn another_one(n: u32) -> u32 {\n    n.rotate_left(7) ^ 0x51\n}\n\n"
                   + text[it.start():it.end()] + "    std::hint::black_box(another_one(std::process::id()));\n")
        found = found or at(r"(?m)^(?:pub )?fn \w+\([^;{}]*\{\n", lambda it:
                   "#[inline(never)]\nfn another_one(n: u32) -> u32 {\n    n.rotate_left(7) ^ 0x51\n}\n\n"
                   + text[it.start():it.end()] + "    std::hint::black_box(another_one(std::process::id()));\n")
    drawn.shuffle(found)
    for start, end, new in found:
        yield text[start:end].strip(), text[:start] + new + text[end:]


def sources(top, more):
    """The package's own sources that its programs were compiled from, as rustc lists them."""
    listed = set()
    for lists in [*(top / "target").glob("release/deps/*.d"), *(top / "target").glob("*/release/deps/*.d")]:
        for word in re.findall(r"(?m)^(\S+\.rs):$", lists.read_text()):
            path = (top / word).resolve()
            if top in path.parents and "target" not in path.relative_to(top).parts[:1] \
                    and "vendor" not in path.relative_to(top).parts[:1]:
                listed.add(path)
    wanted = more.get("edit")
    return sorted(it for it in listed if not wanted or it.relative_to(top).parts[0] in wanted)


def one(name, version, profile, more):
    drawn = random.Random(name)
    top, arguments = place(name, version, profile, more)
    build(top, arguments)
    assert not build(top, arguments), f"{name}: cargo builds it twice"
    honest = programs(top, arguments)
    answers, denied = check(top, arguments)
    result = {"package": f"{name} {version}", "profile": profile.replace("\n", ", "),
              "how": [it for it in ("target", "vendored", "git", "members") if it in more],
              "honest": {it["outcome"] for it in answers.values()}, "denied": sorted(denied),
              "compiled": max((len(it["compiled"]) for it in answers.values()), default=0), "edits": {}}
    result["honest"] = sorted(result["honest"])
    result["reason"] = [it.get("reason") for it in answers.values() if it["outcome"] != "equal"]
    backup = TOP / f"{name}.target"
    shutil.rmtree(backup, ignore_errors=True)
    run(["cp", "-a", top / "target", backup], TOP)
    for kind in KINDS:
        tried = 0
        files = sources(top, more)
        drawn.shuffle(files)
        # Roots first: what lies there is least often dead.
        files.sort(key=lambda it: it.name != "main.rs")
        candidates = [(path, edit) for path in files for edit in list(edits(kind, path.read_text(), drawn))[:6]]
        outcome = {"result": "none drawn"}
        for path, (what, new) in candidates:
            if tried == TRIES:
                break
            tried += 1
            old, about = path.read_bytes(), path.stat()
            path.write_text(new)
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
            try:
                if build(top, arguments):
                    raise SystemExit(f"{path}: cargo saw the edit")
                answers, denied = check(top, arguments)
                reasons = " ".join(it.get("reason") or "" for it in answers.values())
                if "do not compile" in reasons:
                    continue
                os.utime(path)
                run(["cargo", "build", "--release", "--offline", "--bins", *arguments], top)
                truth = {it for it, digest in programs(top, arguments).items() if honest[it] != digest}
                said = {it: answer["outcome"] for it, answer in answers.items()}
                right = denied == {it for it in truth if it in said} and all(
                    answer in ("equal", "same-code") for it, answer in said.items() if it not in denied)
                outcome = {"file": str(path.relative_to(top)), "edit": what[:60], "said": said, "reason": reasons,
                           "truth": sorted(truth), "result": "wrong" if not right else "denied" if denied else "proven"}
                # Dead code proves nothing about an edit that matters: one more is drawn.
                if outcome["result"] != "proven":
                    break
            finally:
                path.write_bytes(old)
                os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
                shutil.rmtree(top / "target")
                run(["cp", "-a", backup, top / "target"], TOP)
        result["edits"][kind] = outcome
    shutil.rmtree(backup)
    with open(TOP / "results.jsonl", "a") as file:
        file.write(json.dumps(result) + "\n")
    print(json.dumps(result), flush=True)
    return result


def main():
    TOP.mkdir(parents=True, exist_ok=True)
    file = TOP / "results.jsonl"
    known = [json.loads(it) for it in file.read_text().splitlines()] if file.exists() else []
    known = {it["package"].split()[0]: it for it in known}
    wanted = [package for package in PACKAGES if not ONLY or package[0] in ONLY]
    results = [known.get(package[0]) or one(*package) for package in wanted]
    print("\n| package | profile | compiled | honest | " + " | ".join(KINDS) + " |")
    print("| --- | --- | ---: | --- | " + " | ".join("---" for _ in KINDS) + " |")
    for it in results:
        how = ", ".join(it["how"])
        row = [it["package"] + (f" ({how})" if how else ""), it["profile"].replace("|", ""), str(it["compiled"]),
               ", ".join(it["honest"]), *(it["edits"][kind]["result"] for kind in KINDS)]
        print("| " + " | ".join(row) + " |")
    wrong = [it["package"] for it in results if it["honest"] != ["equal"] or it["denied"]
             or any(edit["result"] == "wrong" for edit in it["edits"].values())]
    print(f"\n{len(results)} packages; not as the oracle says: {wrong or 'none'}")
    return 1 if wrong else 0


sys.exit(main())

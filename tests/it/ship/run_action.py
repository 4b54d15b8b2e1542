"""Runs the steps of action.yml as a runner does: `run_action.py ACTION INPUT=VALUE...`.

Expressions are those that the file uses: inputs, `github.NAME` (from the variable GITHUB_NAME) and outputs of
steps. Prints the exit code, the outputs and the summary as JSON.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml


def main():
    path = pathlib.Path(sys.argv[1])
    action = yaml.safe_load(path.read_text())
    given = dict(word.split("=", 1) for word in sys.argv[2:])
    unknown = set(given) - set(action["inputs"])
    if unknown:
        sys.exit(f"no such input: {unknown}")
    inputs = {name: str(given.get(name, it.get("default", ""))) for name, it in action["inputs"].items()}
    steps = {}

    def fill(text):
        def value(match):
            words = match[1].strip().split(".")
            if words[0] == "inputs":
                return inputs[words[1]]
            if words[0] == "github":
                return os.environ["GITHUB_" + words[1].upper()]
            if words[0] == "steps" and words[2] == "outputs":
                return steps.get(words[1], {}).get(words[3], "")
            sys.exit(f"an expression that this runner does not know: {match[0]}")

        return re.sub(r"\$\{\{(.*?)\}\}", value, text)

    code, log = 0, ""
    with tempfile.TemporaryDirectory() as scratch:
        added = pathlib.Path(scratch) / "path"
        summary = pathlib.Path(scratch) / "summary"
        for file in (added, summary):
            file.touch()
        for number, step in enumerate(action["runs"]["steps"]):
            assert set(step) <= {"id", "shell", "env", "run"} and step["shell"] == "bash", step
            output = pathlib.Path(scratch) / f"output{number}"
            output.touch()
            paths = [line for line in added.read_text().splitlines() if line]
            env = dict(os.environ)
            env |= {name: fill(str(text)) for name, text in step.get("env", {}).items()}
            env |= {"GITHUB_OUTPUT": str(output), "GITHUB_PATH": str(added), "GITHUB_STEP_SUMMARY": str(summary)}
            env["PATH"] = os.pathsep.join([*reversed(paths), os.environ["PATH"]])
            script = fill(step["run"])
            done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], env=env, capture_output=True, text=True)
            log += done.stdout + done.stderr
            lines = output.read_text().splitlines()
            steps[step["id"]] = dict(line.split("=", 1) for line in lines)
            code = done.returncode
            if code != 0:
                break
        outputs = {name: fill(it["value"]) for name, it in action["outputs"].items()}
        print(json.dumps({"code": code, "outputs": outputs, "log": log, "summary": summary.read_text()}))


if __name__ == "__main__":
    main()

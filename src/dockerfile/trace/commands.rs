//! What each command does to what is known: files, packages, targets, and what cargo compiled.

use super::{FileOrigin, RanCommand, TakenPath, Tracer, below, join};
use crate::dockerfile::run_commands::Argument;
use crate::dockerfile::stages::StageFile;

/// Programs that run what nobody can see from here.
const OPAQUE: &[&str] = &[
    "make",
    "just",
    "task",
    "ninja",
    "cmake",
    "meson",
    "bazel",
    "python",
    "python3",
    "perl",
    "ruby",
    "cross",
    "xargs",
    "parallel",
    "eval",
    "mise",
    "nix",
    "nix-build",
    "rsync",
    "ansible-playbook",
];

impl Tracer<'_> {
    fn path(&self, command: &RanCommand, argument: &Argument) -> Option<String> {
        let value = argument.value.as_deref()?;
        match &command.directory {
            Some(directory) => Some(join(directory, value)),
            None => value.starts_with('/').then(|| join("/", value)),
        }
    }

    /// The arguments that are no options.
    fn paths<'c>(&self, command: &'c RanCommand) -> Vec<&'c Argument> {
        let option = |it: &&Argument| it.value.as_deref().is_some_and(|it| it.starts_with('-'));
        command.rest().iter().filter(|it| !option(it)).collect()
    }

    pub(super) fn command(&mut self, command: &RanCommand) {
        let program = command.program().to_owned();
        for (operator, target) in &command.redirects {
            if operator.contains('>') && !operator.contains('&') {
                self.redirect(command, operator, target);
            }
        }
        match program.as_str() {
            _ if command.freshens() => {
                self.touch_all(command.directory.as_deref(), |_| true);
            }
            "cargo" => self.cargo(command),
            // It reads, but for `build`, which is followed as a program that is not known.
            "cargo-binlint"
                if !command.rest().iter().any(|it| it.value.as_deref() == Some("build")) => {}
            "touch" => self.touch(command),
            "rm" | "unlink" => self.remove(command),
            "cp" | "mv" | "install" | "ln" => self.copy_files(command, &program),
            "strip" | "upx" | "chmod" | "chown" | "file" | "ldd" | "objcopy" | "patchelf" => {
                if matches!(program.as_str(), "strip" | "upx" | "objcopy") {
                    for argument in self.paths(command) {
                        self.take(command, argument, &program);
                    }
                }
            }
            "tee" => {
                for argument in self.paths(command) {
                    if let Some(path) = self.path(command, argument) {
                        self.written(&path, FileOrigin::Written, self.time);
                    }
                }
            }
            "sed" | "perl" if has_option(command, 'i') => self.edit(command),
            "find" => self.find(command),
            "xargs" => {
                let words = || command.rest().iter().filter_map(|it| it.value.as_deref());
                if words().any(|it| it == "touch") {
                    self.touch_all(command.directory.as_deref(), |_| true);
                } else if words().any(|it| it == "rm") {
                    self.remove_all_units(command);
                } else {
                    self.opaque(&command.span, "xargs runs what it reads");
                }
            }
            "mkdir" | "" => {}
            "apt-get" | "apt" | "apk" | "dnf" | "microdnf" | "yum" | "zypper" | "pacman"
            | "tdnf" => {
                self.install(command);
            }
            "rustup" => self.rustup(command),
            "git" | "tar" | "unzip" | "curl" | "wget" | "cargo-binstall" | "dpkg" | "npm"
            | "pnpm" | "yarn" | "pip" | "pip3" | "corepack" | "add-apt-repository" | "gunzip"
            | "7z" => {
                // A checkout brings no program into the path.
                self.state.unknown_installs |= program != "git";
                if matches!(program.as_str(), "git" | "tar" | "unzip") {
                    let directory = self.unpacked_to(command, &program);
                    self.unknown_tree(&directory);
                }
                if matches!(program.as_str(), "curl" | "wget") && command.piped_into.is_some() {
                    self.state.unknown_targets = true;
                }
            }
            "rustup-init" => self.state.unknown_targets = true,
            "sh" | "bash" | "ash" | "dash" | "source" | "." => {
                let script = self.paths(command).first().and_then(|it| it.value.clone());
                let script = script.unwrap_or_default();
                if !(script.ends_with(".cargo/env") || script.ends_with("cargo/env")) {
                    self.state.unknown_installs = true;
                    self.state.unknown_targets = true;
                    // A shell that reads a pipe installs something; a script of the context builds.
                    if !script.is_empty() && !script.contains("rustup") {
                        self.opaque(&command.span, &format!("{program} {script}"));
                        self.unknown_tree("/");
                    }
                }
            }
            name if OPAQUE.contains(&name) => {
                self.state.unknown_installs = true;
                self.opaque(&command.span, name);
                self.unknown_tree("/");
            }
            _ => {
                let value = command.arguments.first().and_then(|it| it.value.as_deref());
                match value {
                    // A program of the context, or one whose name is not known.
                    Some(value) if !value.contains('/') => {}
                    value => {
                        self.state.unknown_installs = true;
                        let name = value.unwrap_or("a command that is not known").to_owned();
                        self.opaque(&command.span, &name);
                        let directory = command.directory.clone().unwrap_or_else(|| "/".to_owned());
                        self.unknown_tree(&directory);
                    }
                }
            }
        }
    }

    /// Where `git clone`, `tar -C` and `unzip -d` put what they unpack.
    fn unpacked_to(&self, command: &RanCommand, program: &str) -> String {
        let here = command.directory.clone().unwrap_or_else(|| "/".to_owned());
        let words: Vec<&str> = command.rest().iter().filter_map(|it| it.value.as_deref()).collect();
        let option = match program {
            "tar" => "-C",
            "unzip" => "-d",
            _ if words.contains(&"clone") => {
                let named = words.iter().rev().find(|it| !it.starts_with('-') && **it != "clone");
                let Some(last) = named else { return here };
                let name = last.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
                let own = if last.contains(':') { name.trim_end_matches(".git") } else { last };
                return join(&here, own);
            }
            _ => return here,
        };
        let to = words.iter().position(|it| *it == option).and_then(|at| words.get(at + 1));
        to.map_or(here.clone(), |to| join(&here, to))
    }

    /// A file is written: a manifest counts its edits, because cargo tells them apart by content.
    pub(super) fn written(&mut self, path: &str, origin: FileOrigin, time: u64) {
        if path.ends_with("/Cargo.toml") {
            self.state.edits += 1;
        }
        self.write(path, origin, time);
    }

    fn redirect(&mut self, command: &RanCommand, operator: &str, target: &Argument) {
        let Some(path) = self.path(command, target) else {
            return;
        };
        if path.starts_with("/dev/") {
            return;
        }
        // `cat a > b` copies.
        let from = match (command.program(), self.paths(command).as_slice()) {
            ("cat", [only]) if !command.reads_document => self.path(command, only),
            _ => None,
        };
        let (placed, _) = self.placed(&path);
        let origin = match from.and_then(|it| self.state.files.get(&it).cloned()) {
            Some(file) => file.origin,
            None => match self.state.files.get(&placed) {
                Some(file) if operator.contains(">>") => file.origin.clone(),
                _ => FileOrigin::Written,
            },
        };
        self.written(&path, origin, self.time);
    }

    fn touch(&mut self, command: &RanCommand) {
        let mut skip = false;
        for argument in command.rest() {
            if std::mem::take(&mut skip) {
                continue;
            }
            let value = argument.value.as_deref();
            if value.is_some_and(|it| it.starts_with('-')) {
                skip = matches!(value, Some("-t" | "-d" | "-r" | "--date" | "--reference"));
                continue;
            }
            let Some(path) = self.path(command, argument) else {
                // `touch $(find …)`: whatever it names.
                self.touch_all(None, |_| true);
                continue;
            };
            if argument.pattern {
                let pattern = path.clone();
                self.touch_all(None, |it| crate::dockerfile::files::matches(&pattern, it));
                continue;
            }
            let (placed, _) = self.placed(&path);
            let time = self.time;
            match self.state.files.get_mut(&placed) {
                Some(file) => file.time = time,
                None => self.written(&path, FileOrigin::Written, time),
            }
        }
    }

    fn touch_all(&mut self, below_directory: Option<&str>, matches: impl Fn(&str) -> bool) {
        let time = self.time;
        for (path, file) in &mut self.state.files {
            let inside = below_directory.is_none_or(|it| below(path, it).is_some());
            if inside && matches(path) {
                file.time = time;
            }
        }
    }

    fn find(&mut self, command: &RanCommand) {
        let words: Vec<&str> =
            command.rest().iter().map(|it| it.value.as_deref().unwrap_or("?")).collect();
        let names: Vec<&str> = words
            .windows(2)
            .filter(|pair| matches!(pair[0], "-name" | "-iname" | "-path" | "-wholename"))
            .filter(|pair| {
                words
                    .iter()
                    .position(|it| it == &pair[1])
                    .is_some_and(|at| at < 2 || words[at - 2] != "-not" && words[at - 2] != "!")
            })
            .map(|pair| pair[1])
            .collect();
        let roots: Vec<String> = words
            .iter()
            .take_while(|it| !it.starts_with('-') && !matches!(**it, "(" | "!"))
            .map(|it| join(command.directory.as_deref().unwrap_or("/"), it))
            .collect();
        let named = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            names.is_empty()
                || names.iter().any(|it| {
                    crate::dockerfile::files::matches(it, name)
                        || it.contains('/')
                            && crate::dockerfile::files::matches(
                                &it.replace('/', "\u{1}"),
                                &path.replace('/', "\u{1}"),
                            )
                })
        };
        let touches = words.iter().any(|it| it.contains("touch")) || command.piped_into.is_some();
        if touches {
            for root in &roots {
                self.touch_all(Some(root), named);
            }
            if roots.is_empty() {
                self.touch_all(command.directory.as_deref(), named);
            }
        }
        if words.iter().any(|it| matches!(*it, "-delete" | "rm")) {
            for root in &roots {
                self.state.files.retain(|path, _| below(path, root).is_none() || !named(path));
            }
            self.remove_all_units(command);
        }
    }

    /// `sed -i`: manifests get other contents, sources another time.
    fn edit(&mut self, command: &RanCommand) {
        for argument in self.paths(command) {
            match self.path(command, argument) {
                Some(pattern) if argument.pattern => {
                    let edits = self.state.edits + 1;
                    self.touch_all(None, |it| crate::dockerfile::files::matches(&pattern, it));
                    self.state.edits = edits;
                }
                Some(path) => {
                    let (placed, _) = self.placed(&path);
                    if path.ends_with("/Cargo.toml") {
                        self.state.edits += 1;
                    }
                    let time = self.time;
                    if let Some(file) = self.state.files.get_mut(&placed) {
                        file.time = time;
                    }
                }
                None => {
                    self.state.edits += 1;
                    self.touch_all(None, |_| true);
                }
            }
        }
    }

    /// A command reads a file: where it would be a program of cargo's, it is noted.
    fn take(&mut self, command: &RanCommand, argument: &Argument, by: &str) {
        let Some(path) = self.path(command, argument).filter(|_| !argument.pattern) else { return };
        let (placed, mount) = self.placed(&path);
        let build = self.state.program_at(&placed);
        let there = self.state.presence(&placed, self.context);
        self.trace.taken.push(TakenPath {
            stage: self.stage,
            from: self.stage,
            instruction: self.instruction,
            path: path.clone(),
            written: argument.value.clone().unwrap_or_default(),
            span: argument.span.clone(),
            by: by.to_owned(),
            conditional: command.conditional
                || command
                    .masked
                    .is_some_and(|it| it != super::super::run_commands::Masked::Followed),
            mount,
            build,
            builds_before: self.trace.builds.len(),
            there,
        });
    }

    fn copy_files(&mut self, command: &RanCommand, program: &str) {
        let mut paths = self.paths(command);
        let makes_directories = program == "install" && has_option(command, 'd');
        let to_option = command
            .rest()
            .iter()
            .position(|it| matches!(it.value.as_deref(), Some("-t" | "--target-directory")));
        let to = match to_option.and_then(|at| command.rest().get(at + 1)) {
            Some(directory) => {
                paths.retain(|it| it.span != directory.span);
                Some(directory)
            }
            None => paths.pop(),
        };
        let Some(to) = to.filter(|_| !makes_directories) else { return };
        if program == "install" {
            // `-m 755`, `-o root`: modes and owners are no files.
            paths.retain(|it| {
                it.value.as_deref().is_none_or(|it| it.contains(['/', '.']) || paths_are_names(it))
            });
        }
        let Some(target) = self.path(command, to) else {
            paths.iter().for_each(|argument| self.take(command, argument, program));
            return;
        };
        let keeps_time = program == "mv" || has_option(command, 'a') || has_option(command, 'p');
        for argument in paths {
            self.take(command, argument, program);
            let Some(path) = self.path(command, argument) else {
                self.unknown_tree(&target);
                self.write(&target, FileOrigin::Unknown, self.time);
                continue;
            };
            let (placed, _) = self.placed(&path);
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let build = self.state.program_at(&placed);
            let copied: Vec<(String, StageFile)> = self
                .state
                .files
                .iter()
                .filter_map(|(file, found)| Some((below(file, &placed)?.to_owned(), found.clone())))
                .collect();
            let targets = [target.clone(), join(&target, &name)];
            for target in &targets {
                for (rest, file) in &copied {
                    let time = if keeps_time { file.time } else { self.time };
                    self.written(&join(target, rest), file.origin.clone(), time);
                }
                if copied.is_empty() {
                    let origin = build.map_or(FileOrigin::Unknown, FileOrigin::Program);
                    self.write(target, origin, self.time);
                }
            }
            if argument.pattern || copied.is_empty() && build.is_none() {
                self.unknown_tree(&target);
            }
            if program == "mv" {
                self.state.files.retain(|file, _| below(file, &placed).is_none());
            }
        }
    }

    fn install(&mut self, command: &RanCommand) {
        let words: Vec<Option<&str>> =
            command.rest().iter().map(|it| it.value.as_deref()).collect();
        let installs = words
            .iter()
            .flatten()
            .any(|it| matches!(*it, "install" | "add" | "-S" | "-Sy" | "-Syu"));
        if !installs {
            return;
        }
        let mut skip = false;
        for word in words {
            if std::mem::take(&mut skip) {
                continue;
            }
            match word {
                None => self.state.unknown_installs = true,
                Some("install" | "add" | "in" | "-y") => {}
                Some("-t" | "--virtual" | "-o" | "--repository" | "-X") => skip = true,
                Some(option) if option.starts_with('-') => {}
                Some(package) => {
                    let name = package.split(['=', '~', '>', '<', '@']).next().unwrap_or_default();
                    let name =
                        name.strip_suffix(":amd64").or(name.strip_suffix(":arm64")).unwrap_or(name);
                    self.state.packages.insert(name.to_owned());
                }
            }
        }
    }

    fn rustup(&mut self, command: &RanCommand) {
        let words: Vec<Option<&str>> =
            command.rest().iter().map(|it| it.value.as_deref()).collect();
        let is_add = words.contains(&Some("add")) && words.contains(&Some("target"));
        if is_add {
            for word in words.iter().skip_while(|it| **it != Some("add")).skip(1) {
                match word {
                    Some(word) if !word.starts_with('-') => {
                        self.state.targets.insert((*word).to_owned());
                    }
                    Some(_) => {}
                    None => self.state.unknown_targets = true,
                }
            }
            return;
        }
        let mut named =
            words.iter().skip_while(|it| !matches!(it, Some("-t" | "--target"))).skip(1);
        match named.next() {
            Some(Some(list)) => self.state.targets.extend(list.split(',').map(str::to_owned)),
            Some(None) => self.state.unknown_targets = true,
            None => {}
        }
        // Another toolchain brings other targets.
        if words.iter().flatten().any(|it| matches!(*it, "default" | "toolchain" | "override")) {
            let musl = words.iter().flatten().any(|it| it.contains("musl"));
            self.state.unknown_targets |= musl;
        }
    }
}

fn paths_are_names(word: &str) -> bool {
    !word.chars().all(|c| c.is_ascii_digit()) && word != "root"
}

/// `-i`, `-ie`, `--in-place` for `i`.
fn has_option(command: &RanCommand, letter: char) -> bool {
    command.rest().iter().filter_map(|it| it.value.as_deref()).any(|it| {
        let short = it.starts_with('-') && !it.starts_with("--") && it.contains(letter);
        short || letter == 'i' && it.starts_with("--in-place") || letter == 'a' && it == "--archive"
    })
}

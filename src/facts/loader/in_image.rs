//! A subject's start in its image: under which path, name and environment.

use super::{LoadPlan, Start, plan};
use crate::facts::image::command::Command;
use crate::facts::{Binary, Image, machine};

impl LoadPlan {
    /// What the image's kernel and loader would do with a subject at its place in the image.
    /// `None` for what is no ELF file.
    pub fn of(subject: &Binary, image: &Image) -> Option<LoadPlan> {
        let linking = subject.linking.as_ref()?;
        let path = place(subject, image);
        let config = image.config.clone().unwrap_or_default();
        let start = Start {
            argv0: image.start().and_then(|it| name(it, &path, image)).unwrap_or(path.clone()),
            path,
            environment: config.env,
            working_directory: if config.working_dir.starts_with('/') {
                config.working_dir
            } else {
                "/".to_owned()
            },
            machine: image.platform().and_then(|it| machine::of_architecture(&it.architecture)),
        };
        Some(plan(linking, &start, &*image.files))
    }
}

/// Where the subject lies or will lie; a file that nobody gave a place lies in the root.
fn place(subject: &Binary, image: &Image) -> String {
    let path = image.subject_at.as_deref().unwrap_or(&subject.path);
    if path.starts_with('/') && (image.subject_at.is_some() || image.has(path)) {
        return path.to_owned();
    }
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app");
    format!("/{name}")
}

/// The name that the image's command gives the subject, when it is the subject that it starts.
fn name(command: &Command, path: &str, image: &Image) -> Option<String> {
    let there = image.resolve(path).ok()?;
    let step = command.steps.first()?;
    (step.path.as_bytes() == there.path).then(|| step.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::binary::linking::{ET_DYN, Linking, PT_INTERP, Segment};
    use crate::facts::image::Config;
    use crate::facts::image::tree::Memory;

    fn subject() -> Binary {
        let segment = |kind| Segment { kind, ..Segment::default() };
        let linking = Linking {
            ident: [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            file_type: ET_DYN,
            machine: 62,
            program_header_size: 56,
            segments: vec![segment(1), segment(PT_INTERP)],
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            ..Linking::default()
        };
        let path = "target/release/app".to_owned();
        Binary { path, linking: Some(linking), ..Binary::default() }
    }

    #[test]
    fn the_image_s_path_counts() {
        let image = Image::of(Memory::default(), None);
        let plan = LoadPlan::of(&subject(), &image).expect("ELF");
        assert_eq!(plan.errors, ["exec /app: no such file or directory"]);
        let plan = LoadPlan::of(&subject(), &image.seen_from("/usr/bin/x")).expect("ELF");
        assert_eq!(plan.errors, ["exec /usr/bin/x: no such file or directory"]);
    }

    #[test]
    fn the_platform_counts() {
        let mut config = Config::default();
        config.platform.architecture = "arm64".to_owned();
        let image = Image::of(Memory::default(), Some(config));
        let plan = LoadPlan::of(&subject(), &image).expect("ELF");
        assert_eq!(plan.errors, ["exec /app: exec format error"]);
        assert_eq!(LoadPlan::of(&Binary::default(), &image), None);
    }
}

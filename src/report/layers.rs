//! Which layer of an image brought a file, and the instruction that made the layer.

use crate::start::image::Image;

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// From 1, the lowest first.
    pub number: usize,
    /// How many layers the image has.
    pub of: usize,
    /// The digest before compression.
    pub digest: Option<String>,
    /// The instruction that made it, where the image remembers one step for each layer.
    pub made_by: Option<String>,
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "layer {} of {}", self.number, self.of)?;
        match &self.made_by {
            Some(made_by) => write!(f, " ({made_by})"),
            None => Ok(()),
        }
    }
}

/// The layer that the file at a path comes from, links followed; `None` for a root without layers
/// and for what is not there.
pub fn layer_of(image: &Image, path: &str) -> Option<Layer> {
    let config = image.config.as_ref()?;
    let resolved = image.resolve(path).ok()?;
    let index = usize::from(image.files.layer(&resolved.path)?);
    let of = config.diff_ids.len();
    let digest = Some(config.diff_ids.get(index)?.to_string());
    // A history that does not name one step for each layer says nothing of any.
    let steps = config.history.iter().filter(|step| !step.empty_layer);
    let steps: Vec<_> = steps.collect();
    let made_by = (steps.len() == of).then(|| instruction(&steps[index].created_by));
    Some(Layer { number: index + 1, of, digest, made_by: made_by.filter(|it| !it.is_empty()) })
}

/// The step as a Dockerfile has it: engines write `/bin/sh -c #(nop) ` before what they do
/// themselves, and `# buildkit` behind it.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim().trim_end_matches("# buildkit").trim();
    let text = text.strip_prefix("/bin/sh -c #(nop)").unwrap_or(text).trim();
    match text.strip_prefix("/bin/sh -c ") {
        Some(line) => format!("RUN {line}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_it_stood_in_the_dockerfile() {
        for (step, instruction_of) in [
            ("COPY /app /app # buildkit", "COPY /app /app"),
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN /bin/sh -c apt-get update"),
            ("/bin/sh -c #(nop) ADD file:1 in / ", "ADD file:1 in /"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("", ""),
        ] {
            assert_eq!(instruction(step), instruction_of);
        }
    }
}

//! One binary or one image, opened to be looked at: facts alone, no rule is run.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use crate::binary::Binary;
use crate::fact::Fact;
use crate::report;
use crate::report::binary::{BinaryEntry, InspectEntry};
use crate::rootfs::document::config::Platform;
use crate::session::Error;
use crate::session::image_subjects;
use crate::start::image::{Image, ImageQuery};

/// The facts of one program or library.
///
/// ```no_run
/// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
/// println!("{} is for {:?}", inspection.path(), inspection.triple().value);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inspection {
    binary: Arc<Binary>,
}

/// One fact in words: a line of the table that `cargo binlint inspect` prints.
///
/// ```no_run
/// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
/// let kind = inspection.facts().into_iter().find(|fact| fact.name == "kind");
/// assert_eq!(kind.map(|fact| fact.value).as_deref(), Some("executable, position independent"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedFact {
    /// What the fact is about. A name may stand several times.
    pub name: &'static str,
    /// What is known, for a person to read. It may hold texts of the binary as they are.
    pub value: String,
}

impl Inspection {
    /// Reads the facts of a file from its bytes; nothing is run.
    ///
    /// # Errors
    /// The bytes are none of a program, a library or an object.
    pub(crate) fn of_bytes(path: impl Into<String>, bytes: &[u8]) -> Result<Inspection, Error> {
        let path = path.into();
        let binary = Binary::full(path.as_str(), bytes, true)
            .map_err(|error| Error::Usage(format!("{path}: {error}")))?;
        Ok(Inspection { binary: Arc::new(binary) })
    }

    /// The path under which the bytes were handed over, or their path in the image.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{}", inspection.path());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(&self) -> &str {
        &self.binary.path
    }

    /// In bytes.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{} bytes", inspection.size());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn size(&self) -> u64 {
        self.binary.size
    }

    /// The SHA-256 of the bytes, as lower-case hex, where it was computed.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("sha256:{}", inspection.sha256().unwrap_or("?"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sha256(&self) -> Option<&str> {
        self.binary.sha256.as_deref()
    }

    /// Whether Rust code is inside.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{:?}: {}", inspection.is_rust().value, inspection.is_rust().evidence);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_rust(&self) -> &Fact<bool> {
        &self.binary.rust
    }

    /// Rust's own name of the target: `armv7-unknown-linux-musleabihf`.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{:?}", inspection.triple().value);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn triple(&self) -> &Fact<String> {
        &self.binary.triple
    }

    /// The loader that the program asks for (`PT_INTERP`).
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{}", inspection.interpreter().unwrap_or("static"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interpreter(&self) -> Option<&str> {
        self.binary.interpreter.as_deref()
    }

    /// The libraries that the program asks for (`DT_NEEDED`, or the imports of other formats).
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{}", inspection.needed().join(", "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn needed(&self) -> &[String] {
        &self.binary.needed
    }

    /// The release of rustc that compiled it: `1.95.0`.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// println!("{}", inspection.rustc_version().unwrap_or("?"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rustc_version(&self) -> Option<&str> {
        self.binary.rustc.version.as_deref()
    }

    /// The crates that can be named, as name and version.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// assert!(inspection.crates().all(|(name, _)| name != "openssl"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn crates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.binary.crates.iter().map(|known| (known.name.as_str(), known.version.as_str()))
    }

    /// Every fact that is known, in words.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// for fact in inspection.facts() {
    ///     println!("{}: {}", fact.name, fact.value);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn facts(&self) -> Vec<NamedFact> {
        let rows = report::inspect::rows(&self.binary, true).into_iter();
        rows.map(|(name, value)| NamedFact { name, value }).collect()
    }

    /// Writes the facts as the JSON document `binlint.inspect/1`, whose schema is in `docs/schema`.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// ```no_run
    /// let inspection = binlint::inspect("server", &std::fs::read("server")?)?;
    /// inspection.write_json(&mut std::io::stdout())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_json(&self, to: &mut dyn io::Write) -> io::Result<()> {
        report::binary::write(
            &[InspectEntry::Binary(Box::new(BinaryEntry::from(&*self.binary)))],
            to,
        )
    }
}

/// A container image or a root file system: what it would run and the Rust programs in it.
///
/// ```no_run
/// let image = binlint::open_image("oci:target/image", None)?;
/// for program in image.programs() {
///     println!("{} of {} bytes", program.path(), program.size());
/// }
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenImage {
    image: Image,
}

impl OpenImage {
    /// Reads an image.
    ///
    /// # Errors
    /// No such image, or a damaged one; a platform that is none.
    pub(crate) fn open(reference: &OsStr, platform: Option<&str>) -> Result<OpenImage, Error> {
        let platform = platform.map(image_subjects::platform).transpose()?;
        let query = ImageQuery { platform, find_programs: true, ..ImageQuery::default() };
        Ok(OpenImage { image: Image::read(reference, &query, &|_, _| {})? })
    }

    /// The reference, as it was given.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// println!("{}", image.reference());
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn reference(&self) -> &str {
        &self.image.reference
    }

    /// The digest of the image's manifest, where it has one: `sha256:…`.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// println!("{}", image.digest().unwrap_or("?"));
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn digest(&self) -> Option<&str> {
        self.image.digest.as_deref()
    }

    /// The platform that its configuration names: `linux/arm/v7`.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// println!("{}", image.platform().unwrap_or_default());
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn platform(&self) -> Option<String> {
        self.image.platform().map(Platform::to_string)
    }

    /// The program that the image's command ends up executing, where that can be told.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// println!("{}", image.starts().unwrap_or("?"));
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn starts(&self) -> Option<&str> {
        self.image.start()?.program()
    }

    /// Whether something lies at a path, links followed as a process of the image would.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// assert!(image.has("/etc/ssl/certs/ca-certificates.crt"));
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn has(&self, path: &str) -> bool {
        self.image.has(path)
    }

    /// The Rust programs in it.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// println!("{} programs", image.programs().count());
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn programs(&self) -> impl Iterator<Item = Inspection> {
        self.image.programs.iter().map(|binary| Inspection { binary: Arc::clone(binary) })
    }

    /// What was passed over or not verified, one sentence each.
    ///
    /// ```no_run
    /// let image = binlint::open_image("oci:target/image", None)?;
    /// image.notes().iter().for_each(|note| eprintln!("{note}"));
    /// # Ok::<(), binlint::Error>(())
    /// ```
    pub fn notes(&self) -> &[String] {
        &self.image.notes
    }
}

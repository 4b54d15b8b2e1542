//! `docker-daemon:NAME`: an image of the running engine, over the engine's own socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::rootfs::error::ImageError;
use crate::rootfs::layer::FileSelector;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::source::local_path::BarePath;
use crate::rootfs::source::{ImageSource, OpenedImage, required};

/// An engine that does not begin to answer for this long is taken for gone: Podman packs the whole
/// image first.
const MAX_SILENCE_AT_START: Duration = Duration::from_secs(60);
/// As long as this, an engine that has begun may send less than [`MIN_PACE_BYTES`].
const MAX_SLOW_TIME: Duration = Duration::from_secs(10);
/// In bytes.
const MIN_PACE_BYTES: u64 = 16 << 10;
/// Lines of an answer's head, and of what may follow its body.
const MAX_HEADERS: usize = 100;

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// As the engine takes it.
    pub name: String,
    /// It was written without the transport, so that a file could have been meant.
    pub is_bare: bool,
}

impl ImageSource for EngineImage {
    fn open(&self, selector: &FileSelector<'_>) -> Result<OpenedImage, ImageError> {
        let archive = save(&self.name).map_err(|error| match self.is_bare {
            true => {
                ImageError::NoSuchFileOrImage { name: self.name.clone(), source: Box::new(error) }
            }
            false => error,
        })?;
        Ok(OpenedImage::Blobs { store: BlobStore::pass(archive, selector)?, tag: None })
    }
}

/// Reads `NAME`.
///
/// # Errors
/// It is empty, or not UTF-8.
pub fn parse(rest: &[u8]) -> Result<Box<dyn ImageSource>, ImageError> {
    let name = std::str::from_utf8(required(rest, "docker-daemon", "an image's name")?)
        .map_err(|_| ImageError::Reference("an image's name is not UTF-8".to_owned()))?;
    Ok(Box::new(EngineImage { name: name.to_owned(), is_bare: false }))
}

/// A name that could be an image's, where no file is.
pub fn detect(bare: &BarePath<'_>) -> Option<Box<dyn ImageSource>> {
    let name = bare.path.to_str().filter(|name| bare.is_missing() && is_image_name(name))?;
    Some(Box::new(EngineImage { name: name.to_owned(), is_bare: true }))
}

/// Whether an engine could have an image of this name, such as `app`, `app:latest` or
/// `registry:5000/team/app@sha256:…`; what ends as archives do is meant as a file.
fn is_image_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let is_file = [".tar", ".gz", ".tgz", ".zst"].iter().any(|it| text.ends_with(it));
    text.starts_with(|it: char| it.is_ascii_alphanumeric()) && text.bytes().all(is_part) && !is_file
}

/// The archive that `docker save NAME` would write (`GET /images/NAME/get`, Docker Engine API
/// 1.24; Podman serves the same).
pub fn save(name: &str) -> Result<Box<dyn Read + Send>, ImageError> {
    let mut refused = Vec::new();
    for socket in sockets(|variable| std::env::var(variable).ok())? {
        match UnixStream::connect(&socket) {
            Ok(stream) => return ask(stream, name),
            Err(error) => refused.push(format!("{}: {error}", socket.display())),
        }
    }
    Err(ImageError::Daemon(format!(
        "no container engine answers ({}); start one, or let this user connect to its socket",
        refused.join("; ")
    )))
}

/// `DOCKER_HOST`, or the sockets that Docker and Podman listen at.
fn sockets(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<PathBuf>, ImageError> {
    if let Some(host) = variable("DOCKER_HOST").filter(|host| !host.is_empty()) {
        let Some(path) = host.strip_prefix("unix://") else {
            return Err(ImageError::Unsupported(format!(
                "DOCKER_HOST={host}: only unix:// sockets are spoken to; pipe `docker save NAME` into `--image -`"
            )));
        };
        return Ok(vec![path.into()]);
    }
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    if let Some(runtime) = variable("XDG_RUNTIME_DIR") {
        sockets.push(PathBuf::from(&runtime).join("docker.sock"));
        sockets.push(PathBuf::from(runtime).join("podman/podman.sock"));
    }
    sockets.push("/run/podman/podman.sock".into());
    Ok(sockets)
}

fn ask(stream: UnixStream, name: &str) -> Result<Box<dyn Read + Send>, ImageError> {
    stream.set_read_timeout(Some(MAX_SILENCE_AT_START))?;
    stream.set_write_timeout(Some(MAX_SILENCE_AT_START))?;
    let mut writer = &stream;
    write!(
        writer,
        "GET /v1.24/images/{}/get HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n",
        escape(name)
    )?;
    let paced = PacedStream { stream, begun: false, waited: Duration::ZERO, count: 0 };
    let mut reader = BufReader::with_capacity(64 << 10, paced);
    let status = line(&mut reader)?;
    let code = status.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut chunked = false;
    let mut length = None;
    for header in headers(&mut reader)? {
        let (key, value) = header.split_once(':').unwrap_or((&header, ""));
        match key.to_ascii_lowercase().as_str() {
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            "content-length" => length = value.trim().parse::<u64>().ok(),
            _ => {}
        }
    }
    let body: Box<dyn Read + Send> = match (chunked, length) {
        (true, _) => Box::new(HttpChunks { reader, left: 0, ended: false }),
        (false, Some(length)) => Box::new(reader.take(length)),
        (false, None) => Box::new(reader),
    };
    if code == "200" {
        return Ok(body);
    }
    let mut text = String::new();
    body.take(4096).read_to_string(&mut text)?;
    let message = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|json| Some(json.get("message")?.as_str()?.to_owned()))
        .unwrap_or(status);
    let hint = if code == "404" { "; `docker images` lists what it has" } else { "" };
    Err(ImageError::Daemon(format!("the container engine says: {message}{hint}")))
}

/// A name in a URL's path. Slashes stay: the engine's route takes the rest of the path.
fn escape(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b':'
            | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.by_ref().take(16 << 10).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(protocol_error("the container engine's answer is not HTTP"));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lines up to an empty one.
fn headers(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut headers = Vec::new();
    while headers.len() < MAX_HEADERS {
        match line(reader)? {
            end if end.is_empty() => return Ok(headers),
            header => headers.push(header),
        }
    }
    Err(protocol_error("the container engine's answer has a head without an end"))
}

fn protocol_error(text: &str) -> io::Error {
    ImageError::Daemon(text.to_owned()).into()
}

/// What an engine sends, for as long as it sends anything to speak of.
struct PacedStream {
    stream: UnixStream,
    begun: bool,
    /// How long it was waited for `count` bytes.
    waited: Duration,
    count: u64,
}

impl Read for PacedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let late =
            |what: String| Err(io::Error::new(io::ErrorKind::TimedOut, ImageError::Daemon(what)));
        let begun = Instant::now();
        let count = match self.stream.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let patience =
                    if self.begun { MAX_SLOW_TIME } else { MAX_SILENCE_AT_START }.as_secs();
                return late(format!("the container engine sends nothing for {patience} s"));
            }
            Err(error) => return Err(error),
        };
        if !self.begun {
            self.begun = true;
            self.stream.set_read_timeout(Some(MAX_SLOW_TIME))?;
            return Ok(count);
        }
        self.waited += begun.elapsed();
        self.count += count as u64;
        if self.count >= MIN_PACE_BYTES {
            (self.waited, self.count) = (Duration::ZERO, 0);
        } else if self.waited > MAX_SLOW_TIME && count > 0 {
            let (count, waited) = (self.count, self.waited.as_secs());
            return late(format!("the container engine sends {count} bytes in {waited} s"));
        }
        Ok(count)
    }
}

/// A body in chunks (RFC 9112, 7.1). One that ends without its last chunk is cut off.
struct HttpChunks<R> {
    reader: R,
    left: u64,
    ended: bool,
}

impl<R: BufRead> Read for HttpChunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let size = line(&mut self.reader)?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            self.left = u64::from_str_radix(digits, 16)
                .map_err(|_| protocol_error("the container engine sends a chunk without a size"))?;
            if self.left == 0 {
                self.ended = true;
                headers(&mut self.reader)?;
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.reader.read(buffer.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        if self.left == 0 && !line(&mut self.reader)?.is_empty() {
            return Err(protocol_error("the container engine sends a chunk without an end"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_their_end_is_needed() {
        let read = |bytes: &[u8]| {
            let mut out = Vec::new();
            HttpChunks { reader: bytes, left: 0, ended: false }.read_to_end(&mut out).map(|_| out)
        };
        assert_eq!(read(b"4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\n\r\n").unwrap(), b"abcdef");
        let trailers = [&b"0\r\n"[..], &b"a: b\r\n".repeat(MAX_HEADERS + 1)].concat();
        assert!(read(&trailers).is_err(), "trailers without an end");
        assert_eq!(read(b"1\r\na\r\n0\r\na: b\r\n\r\n").unwrap(), b"a");
        for bad in [&b"4\r\nabcd\r\n"[..], b"4\r\nab", b"x\r\n", b"2\r\nabcd\r\n0\r\n\r\n"] {
            assert!(read(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn the_engine_that_the_user_names_is_the_only_one_asked() {
        let with = |host: &'static str| {
            sockets(move |name| (name == "DOCKER_HOST").then(|| host.to_owned()))
        };
        assert_eq!(with("unix:///x.sock").unwrap(), [PathBuf::from("/x.sock")]);
        assert!(with("tcp://127.0.0.1:2375").is_err());
        let own =
            sockets(|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/1".to_owned())).unwrap();
        assert!(own.contains(&"/run/user/1/podman/podman.sock".into()));
    }

    #[test]
    fn what_an_engine_sends_has_an_end() {
        let (engine, ours) = UnixStream::pair().unwrap();
        let endless = std::thread::spawn(move || {
            let mut engine = engine;
            // Until nobody reads any more.
            while engine.write_all(b"HTTP/1.1 200 OK\r\n").is_ok() {}
        });
        let error = ask(ours, "x").err().unwrap().to_string();
        assert!(error.contains("without an end"), "{error}");
        endless.join().unwrap();
        let (silent, ours) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut paced = PacedStream { stream: ours, begun: true, waited: Duration::ZERO, count: 0 };
        let error = paced.read(&mut [0; 8]).unwrap_err().to_string();
        assert!(error.contains("sends nothing"), "{error}");
        drop(silent);
        let (mut slow, ours) = UnixStream::pair().unwrap();
        slow.write_all(b"x").unwrap();
        let mut paced =
            PacedStream { stream: ours, begun: true, waited: MAX_SLOW_TIME * 2, count: 1 };
        let error = paced.read(&mut [0; 8]).unwrap_err().to_string();
        assert!(error.contains("sends 2 bytes"), "{error}");
        slow.write_all(&vec![0; MIN_PACE_BYTES as usize]).unwrap();
        // As much as that is no little, however long it took.
        paced.waited = MAX_SLOW_TIME * 2;
        assert!(paced.read(&mut vec![0; MIN_PACE_BYTES as usize]).is_ok());
    }

    #[test]
    fn an_engine_is_asked_and_its_refusal_is_passed_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("engine.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let answers = [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntar\r\n0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 31\r\n\r\n{\"message\":\"No such image: nope\"}",
        ];
        let engine = std::thread::spawn(move || {
            answers.map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = BufReader::new(stream.try_clone().unwrap());
                let first = line(&mut request).unwrap();
                while !line(&mut request).unwrap().is_empty() {}
                stream.write_all(answer.as_bytes()).unwrap();
                first
            })
        });
        let mut saved = String::new();
        ask(UnixStream::connect(&path).unwrap(), "me/demo:1")
            .unwrap()
            .read_to_string(&mut saved)
            .unwrap();
        assert_eq!(saved, "tar");
        let refusal = ask(UnixStream::connect(&path).unwrap(), "no pe").err().unwrap().to_string();
        assert!(refusal.starts_with("the container engine says:"), "{refusal}");
        let asked = engine.join().unwrap();
        assert_eq!(asked[0], "GET /v1.24/images/me/demo:1/get HTTP/1.1");
        assert_eq!(asked[1], "GET /v1.24/images/no%20pe/get HTTP/1.1");
    }
}

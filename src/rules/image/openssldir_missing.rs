use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "openssldir-missing",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the OpenSSL inside the program looks for its files where the image has none",
    what: "Reads OPENSSLDIR out of a linked-in OpenSSL and looks for `cert.pem` and `certs` \
           there, unless SSL_CERT_FILE or SSL_CERT_DIR leads elsewhere or openssl-probe is \
           inside.",
    why: "Certificates cannot be verified although the image has them: a vendored OpenSSL \
           looks in /usr/local/ssl, or in a directory of the machine that built it.",
    fix: "Set `ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt`, or call \
           `openssl_probe::init_openssl_env_vars`.",
    symptoms: &[Symptom::Stderr("certificate verify failed")],
    references: &["rust-openssl 1650", "rust-openssl 829", "cross 119", "acme-client 32"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable("no image and program were given");
    };
    let Some(directory) = &binary.hints.openssl_directory else {
        return Outcome::not_applicable("no OpenSSL is linked into the program");
    };
    if facts.has_crate("openssl-probe") == Some(true) {
        return Outcome::Pass;
    }
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(|name| image.variable(name));
    let own = [format!("{directory}/cert.pem"), format!("{directory}/certs")];
    if own.iter().map(String::as_str).chain(named).any(|path| image.has(path)) {
        return Outcome::Pass;
    }
    Finding::new(
        Location::ImagePath(directory.clone()),
        format!("{directory} has no certificates in the image"),
    )
    .evidence(format!("the program's OpenSSL says OPENSSLDIR: {directory}"))
    .evidence("neither SSL_CERT_FILE nor SSL_CERT_DIR leads to a file of the image")
    .fix("ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::detect::runtime_needs::Hints;
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    fn outcome(directory: Option<&str>, tree: Memory, env: &[&str]) -> Outcome {
        let hints = Hints { openssl_directory: directory.map(str::to_owned), ..Hints::default() };
        let env = env.iter().map(|entry| (*entry).to_owned()).collect();
        check(&Facts {
            binary: Some(Binary { hints, ..Binary::default() }),
            image: Some(Image::of(tree, Some(Config { env, ..Config::default() }))),
            ..Facts::default()
        })
    }

    #[test]
    fn the_directory_or_a_variable_has_to_lead_to_certificates() {
        let tree = || Memory::default().file("/etc/ssl/certs/ca-certificates.crt", 0o644, "x");
        let own = Some("/usr/local/ssl");
        assert_eq!(outcome(own, tree(), &[]).name(), "fail");
        assert_eq!(
            outcome(own, tree(), &["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]),
            Outcome::Pass
        );
        assert_eq!(outcome(own, tree(), &["SSL_CERT_FILE=/nowhere"]).name(), "fail");
        assert_eq!(outcome(Some("/etc/ssl"), tree(), &[]), Outcome::Pass);
        assert_eq!(outcome(None, tree(), &[]).name(), "not-applicable");
    }
}

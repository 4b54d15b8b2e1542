use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "openssldir-missing",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the OpenSSL in the binary looks for certificates where the image has none",
    what: "The rule reads OPENSSLDIR from the OpenSSL that is linked into the binary, and looks \
           for `cert.pem` and `certs` there. It passes if SSL_CERT_FILE or SSL_CERT_DIR names an \
           existing path, or if the binary contains openssl-probe.",
    why: "OpenSSL cannot verify certificates, even if the image has CA certificates in another \
           directory. A vendored OpenSSL looks in /usr/local/ssl, or in a directory of the build \
           machine.",
    fix: "Set `ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt`, or call \
           `openssl_probe::init_openssl_env_vars`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("certificate verify failed")],
    references: &["https://docs.rs/openssl-probe", "https://github.com/cross-rs/cross/issues/119"],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    let Some(directory) = &binary.runtime_needs.openssl_directory else {
        return Outcome::not_applicable("no OpenSSL is linked into the binary");
    };
    if facts.has_crate("openssl-probe") == Some(true) {
        return Outcome::pass("openssl-probe finds the certificates of the image");
    }
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(|name| image.variable(name));
    let own = [format!("{directory}/cert.pem"), format!("{directory}/certs")];
    if own.iter().map(String::as_str).chain(named).any(|path| image.has(path)) {
        return Outcome::pass("the image has certificates where OpenSSL looks");
    }
    Finding::new(
        Location::ImagePath(directory.clone()),
        format!("OpenSSL looks in {directory}, where the image has no certificates"),
    )
    .evidence(format!("the binary contains OPENSSLDIR: {directory}"))
    .evidence("neither SSL_CERT_FILE nor SSL_CERT_DIR names a path in the image")
    .fix("ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::detect::runtime_needs::RuntimeNeeds;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(directory: Option<&str>, tree: InMemoryTree, env: &[&str]) -> Outcome {
        let runtime_needs = RuntimeNeeds {
            openssl_directory: directory.map(str::to_owned),
            ..RuntimeNeeds::default()
        };
        let env = env.iter().map(|entry| (*entry).to_owned()).collect();
        check(&Facts {
            binary: Some(Binary { runtime_needs, ..Binary::default() }),
            image: Some(Image::from_tree(
                tree,
                Some(ImageConfig { env, ..ImageConfig::default() }),
            )),
            ..Facts::default()
        })
    }

    #[test]
    fn the_directory_or_a_variable_has_to_lead_to_certificates() {
        let tree =
            || InMemoryTree::default().file("/etc/ssl/certs/ca-certificates.crt", 0o644, "x");
        let own = Some("/usr/local/ssl");
        assert_eq!(outcome(own, tree(), &[]).name(), "fail");
        assert_eq!(
            outcome(own, tree(), &["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]).name(),
            "pass"
        );
        assert_eq!(outcome(own, tree(), &["SSL_CERT_FILE=/nowhere"]).name(), "fail");
        assert_eq!(outcome(Some("/etc/ssl"), tree(), &[]).name(), "pass");
        assert_eq!(outcome(None, tree(), &[]).name(), "not-applicable");
    }
}

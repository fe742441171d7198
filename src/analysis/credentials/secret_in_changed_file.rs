//! SEC-004: a secret in a file that was written.

use bstr::BString;

use super::super::card::rule;
use super::super::secrets::value::{Context, Site};
use super::super::words::shown;
use super::super::{Confidence, Facts, Report, Severity, Subject};
use super::{each_value, finding, named};

rule! {
    /// A password, key or token in a file that the container wrote: a changed file, a volume, a file system in memory, a
    /// deleted file that is still open, its log, which engines and agents send elsewhere. Start scripts write
    /// configuration with credentials. A file that a web server hands out to everyone is worse. A value that only its name
    /// gives away is information.
    "SEC-004", secret_in_changed_file, version 1, Secrets, Stable, Low,
    title: "A secret is in a file that was written",
    why: "Files outlive the process that wrote them, and more programs can read them.",
    benign: ["Start scripts write configuration and host keys; the file is then a setting of the service."],
    attack: ["T1552.001", "T1552.004"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

const WANTED: [Context; 6] =
    [Context::ChangedFile, Context::Volume, Context::Tmpfs, Context::DeletedFile, Context::Memfd, Context::Log];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        let mut has_found = false;
        let mut paths: Vec<&BString> = Vec::new();
        for site in secret.sites.iter().filter(|site| WANTED.contains(&site.context)) {
            // The log lies beside the container, and has no path in it.
            let path = site.path.as_ref().or(site.member.as_ref().filter(|_| site.context == Context::Log));
            let Some(path) = path.filter(|path| !paths.contains(path)) else { continue };
            let subject = if site.path.is_some() { Subject::File(path.clone()) } else { Subject::Archive };
            paths.push(path);
            let served = site.is_world_readable()
                && is_served(path)
                && !(secret.id == "password-hash" && is_documentation(path));
            let found = finding(facts, rule, secret, subject, &WANTED)
                .identity([path.clone()])
                .severity(severity(secret.confidence, served))
                .sentence(format!("The file {} ({}) has a secret: {}.", shown(path), place(site), named(secret)));
            let found = if served {
                found.benign(
                    "A file in a directory that a web server hands out may be meant to be public; ask its owner.",
                )
            } else {
                found
            };
            report.add(found);
            has_found = true;
        }
        has_found
    });
}

/// Scripts and texts for browsers are full of settings that are called like secrets: what is told by its name alone is
/// information, wherever it is.
fn severity(confidence: Confidence, served: bool) -> Severity {
    match confidence {
        Confidence::Low => Severity::Info,
        Confidence::High if served => Severity::Medium,
        Confidence::Medium | Confidence::High => Severity::Low,
    }
}

fn place(site: &Site) -> &'static str {
    match site.context {
        Context::Volume => "in a volume",
        Context::Tmpfs => "in a file system in memory",
        Context::DeletedFile => "deleted, but still open",
        Context::Memfd => "only in memory",
        Context::Log => "the log of the container",
        _ => "changed",
    }
}

/// Whether a file is documentation: its hashes are samples.
fn is_documentation(path: &[u8]) -> bool {
    use bstr::ByteSlice;
    const ENDS: [&str; 3] = [".md", ".rst", ".adoc"];
    let lower = path.to_ascii_lowercase();
    ENDS.iter().any(|end| lower.ends_with(end.as_bytes()))
        && ["/doc/", "/docs/", "/documentation/", "/readme", "/changelog"].iter().any(|part| lower.contains_str(part))
}

/// Whether a web server hands out a file as it is: it lies below a document root, and is no program that runs there.
fn is_served(path: &[u8]) -> bool {
    use bstr::ByteSlice;
    const ROOTS: [&str; 5] =
        ["/var/www/", "/usr/share/nginx/html/", "/usr/local/apache2/htdocs/", "/srv/http/", "/usr/share/caddy/"];
    const RUN: [&str; 9] = [".php", ".phtml", ".py", ".rb", ".pl", ".cgi", ".jsp", ".aspx", ".htaccess"];
    let is_below = ROOTS.iter().any(|root| path.starts_with(root.as_bytes()));
    // Hidden files and those beside the public directory of a framework are not handed out.
    let is_hidden = path.contains_str("/.") || path.contains_str("/config/") || path.contains_str("/storage/");
    is_below && !is_hidden && !RUN.iter().any(|end| path.ends_with(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_alone_are_information() {
        assert_eq!(severity(Confidence::Low, true), Severity::Info);
        assert_eq!(severity(Confidence::High, true), Severity::Medium);
        assert_eq!(severity(Confidence::High, false), Severity::Low);
    }

    #[test]
    fn only_what_is_handed_out_as_it_is_is_served() {
        assert!(is_served(b"/var/www/html/backup.sql") && is_served(b"/usr/share/nginx/html/keys.txt"));
        assert!(!is_served(b"/var/www/html/wp-config.php") && !is_served(b"/var/www/.ssh/id_rsa"));
        assert!(!is_served(b"/etc/app.conf"));
    }

    #[test]
    fn samples_are_in_documentation() {
        assert!(is_documentation(b"/var/www/html/app/doc/20-Topics.md") && is_documentation(b"/srv/app/README.rst"));
        assert!(!is_documentation(b"/var/www/html/notes.md") && !is_documentation(b"/var/www/html/doc/users.sql"));
    }
}

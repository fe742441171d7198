//! FS-020: data that was packed to be taken away.

use std::io::Read;

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place};
use super::super::vocabulary::is_world_writable;
use super::super::words::{listed, shown};
use super::super::{Facts, Report, Severity};
use super::common::{about, described, everywhere, extension, has_part, is_home, is_web, when};
use crate::int::usize_of;

rule! {
    /// Packed files and dumps of databases in places that everyone may write to, in directories of web pages and in homes.
    /// The first names in a tar, a zip or a compressed tar are read: with keys, passwords, databases or the settings of the
    /// system among them the finding is medium, and high where visitors of a web site may fetch it. One with the passwords of
    /// the system or keys of SSH counts in any place but those of backups. Packages and caches do not count.
    "FS-020", staged_archive, version 2, Files, Incubating, Low,
    title: "Packed data is in a temporary or web directory",
    why: "Before data is taken away, it is usually packed into one file.",
    benign: ["A backup, or a download that was not removed: ask its owner."],
    attack: ["T1560.001", "T1074.001"],
    cost: Files,
    tags: ["exfiltration"],
    check: check,
}

/// Smallest file without a sensitive name in it that is reported.
const SMALLEST: u64 = 1 << 20;
/// Bytes of a file, packed and unpacked, in which names are looked for.
const HEAD: u64 = 256 << 10;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Tmpfs | Place::Ghost);
        let (Kind::Archive(format) | Kind::Database(format)) = kind else { continue };
        let is_placed = is_world_writable(&file.path) || is_web(&file.path) || is_home(&file.path);
        if !is_kept || file.engine_noise || is_cache(&file.path) || format == "SQLite" {
            continue;
        }
        if !report.look() {
            return;
        }
        let names = sensitive(format, &facts.files().head(file, HEAD));
        let is_secret = |name: &BString| ["etc/shadow", ".ssh/id_"].iter().any(|part| name.contains_str(part));
        let is_loot = || names.iter().any(is_secret) && !has_part(&file.path, &["backup", "backups"]);
        let is_elsewhere = !is_placed && !is_loot();
        if is_elsewhere || names.is_empty() && file.size < SMALLEST {
            report.skip();
            continue;
        }
        found(facts, file, format, &names, kind, report);
    }
}

fn found(facts: &Facts<'_>, file: &ChangedFile, format: &str, names: &[BString], kind: Kind, report: &mut Report<'_>) {
    let is_dump = matches!(kind, Kind::Database(_));
    let severity = match (names.is_empty(), is_web(&file.path)) {
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
        (true, true) if is_dump => Severity::Medium,
        _ => Severity::Low,
    };
    let shown_names: Vec<String> = names.iter().map(|name| shown(name)).take(4).collect();
    let inside = if names.is_empty() { String::new() } else { format!(" with {}", listed(&shown_names)) };
    report.add(about(facts, &RULE, file).severity(severity).identity(names.iter().cloned()).sentence(format!(
        "{} is packed data ({format}){inside}{}.",
        described(file),
        when(facts, file)
    )));
}

fn is_cache(path: &[u8]) -> bool {
    const PACKAGES: [&str; 15] =
        ["jar", "war", "ear", "whl", "egg", "gem", "deb", "rpm", "apk", "nupkg", "vsix", "pyz", "crate", "aar", "xpi"];
    has_part(
        path,
        &[
            ".cache",
            ".m2",
            ".gradle",
            ".npm",
            ".cargo",
            ".nuget",
            ".vscode-server",
            "node_modules",
            "site-packages",
            "cache",
        ],
    ) || PACKAGES.iter().any(|package| package.as_bytes() == extension(path))
}

/// Names of sensitive files among the first names in a packed file.
fn sensitive(format: &str, head: &[u8]) -> Vec<BString> {
    match format {
        "tar" => of_tar(head),
        "gzip" => unpacked(flate2::read::GzDecoder::new(head)),
        "bzip2" => unpacked(bzip2::read::BzDecoder::new(head)),
        "zstd" => zstd::stream::read::Decoder::new(head).map(unpacked).unwrap_or_default(),
        "zip" => of_zip(head),
        _ => Vec::new(),
    }
}

/// The names in a compressed tar, as far as the beginning goes.
fn unpacked(reader: impl Read) -> Vec<BString> {
    let mut reader = reader.take(HEAD);
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    // The bytes end in the middle of the data, so an error is expected.
    while let Ok(read @ 1..) = reader.read(&mut piece) {
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    if bytes.get(257..262) == Some(b"ustar") { of_tar(&bytes) } else { Vec::new() }
}

fn of_tar(bytes: &[u8]) -> Vec<BString> {
    /// Settings of the system that make a copy of them.
    const MANY: usize = 8;
    let mut names: Vec<BString> = Vec::new();
    let mut settings: usize = 0;
    let mut at: usize = 0;
    while names.len() < 16
        && let Some(header) = bytes.get(at..at.saturating_add(512))
        && header.get(257..262) == Some(b"ustar")
    {
        let name = header.split_str("\0").next().unwrap_or_default();
        let name = name.get(..100).unwrap_or(name);
        if is_sensitive(name) {
            names.push(name.into());
        } else if name.trim_start_with(|c| c == '.' || c == '/').starts_with(b"etc/") {
            settings = settings.saturating_add(1);
        }
        let size = header.get(124..135).and_then(|digits| digits.to_str().ok());
        let size = size.and_then(|digits| u64::from_str_radix(digits.trim_matches(['\0', ' ']), 8).ok());
        let blocks = size.unwrap_or(u64::MAX).div_ceil(512).saturating_add(1);
        at = at.saturating_add(usize_of(blocks.saturating_mul(512)));
    }
    if settings >= MANY {
        names.push("etc/".into());
    }
    names
}

fn of_zip(bytes: &[u8]) -> Vec<BString> {
    let names = bytes.find_iter(b"PK\x03\x04").take(4096).filter_map(|at| {
        let len = bytes.get(at.saturating_add(26)..at.saturating_add(28))?;
        let len = usize::from(u16::from_le_bytes(len.try_into().ok()?)).min(1024);
        bytes.get(at.saturating_add(30)..at.saturating_add(30).saturating_add(len))
    });
    names.filter(|name| is_sensitive(name)).map(BString::from).take(16).collect()
}

fn is_sensitive(name: &[u8]) -> bool {
    const PARTS: [&str; 17] = [
        "etc/shadow",
        "etc/passwd",
        ".ssh/",
        "id_rsa",
        "id_ed25519",
        ".aws/credentials",
        ".kube/config",
        ".gnupg/",
        ".docker/config.json",
        "serviceaccount/token",
        "wp-config.php",
        ".pgpass",
        ".my.cnf",
        ".git-credentials",
        ".netrc",
        "secrets/",
        "ssh_host_",
    ];
    let is_data = [".sql", ".dump", ".kdbx", ".keytab"].iter().any(|end| name.ends_with(end.as_bytes()));
    is_data || PARTS.iter().any(|part| name.contains_str(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(names: &[&str]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_ustar();
            header.set_size(3);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"abc"[..]).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn names_in_archives_are_read() {
        let bytes = tar(&["a/b", "root/.ssh/id_rsa", "db/orders.sql"]);
        assert_eq!(sensitive("tar", &bytes), ["root/.ssh/id_rsa", "db/orders.sql"]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &bytes).unwrap();
        assert_eq!(sensitive("gzip", &packed.finish().unwrap()).len(), 2);
        assert!(sensitive("tar", &tar(&["src/main.rs"])).is_empty());
        let all: Vec<String> = (0..9).map(|number| format!("etc/x/{number}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(sensitive("tar", &tar(&all)), ["etc/"]);
        assert!(sensitive("tar", &tar(&all[..4])).is_empty());
        assert!(sensitive("gzip", b"\x1f\x8b\x08 broken").is_empty());
    }

    #[test]
    fn packages_and_caches_do_not_count() {
        assert!(is_cache(b"/root/.m2/x.zip") && is_cache(b"/tmp/app.jar") && !is_cache(b"/tmp/data.zip"));
    }
}

//! FS-026: credentials that were copied.

use std::cell::OnceCell;
use std::collections::HashSet;

use bstr::ByteSlice;
use data_encoding::BASE64URL_NOPAD;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{about, everywhere, hidden_part, is_below, is_web, when};

rule! {
    /// Copies of credentials among the changes and in file systems in memory: a token of a Kubernetes service account
    /// outside of the directory where it is mounted, a file with addresses and keys of a cluster (kubeconfig), a list of
    /// hashes of passwords as `/etc/shadow` is one (low in a copy of a whole system), and a private key of SSH in a place that
    /// everyone may write to or that has no keys. A key whose public half lies beside it was made there and is low; one that
    /// is the same as a key of a user or of the server is high. The secret itself is not shown.
    "FS-026", serviceaccount_or_kubeconfig_copied, version 2, Files, Incubating, High,
    title: "A credential was copied",
    why: "Stolen credentials are collected in a file before they are taken away, or used from a copy.",
    benign: ["A script that makes a kubeconfig from a template, as in jobs of CI."],
    attack: ["T1552.007", "T1552.004"],
    cost: Files,
    tags: ["credential"],
    check: check,
}

/// Largest file that is looked at.
const MOST: u64 = 64 << 10;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let keys = OnceCell::new();
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Tmpfs | Place::Ghost);
        if !is_kept
            || file.file_type != "regular"
            || file.engine_noise
            || kind != Kind::Other
            || file.size > MOST
            || is_mounted(&file.path)
        {
            continue;
        }
        if !report.look() {
            return;
        }
        let text = facts.files().head(file, MOST).into_owned();
        if let Some((severity, what, benign)) = judge(facts, &keys, file, &text) {
            report.add(
                about(facts, &RULE, file)
                    .severity(severity)
                    .benign(benign)
                    .identity(facts.files().sha256(file))
                    .sentence(format!("{} is a copy of {what}{}.", shown(&file.path), when(facts, file))),
            );
        }
    }
}

/// Where engines and kubelets put tokens.
fn is_mounted(path: &[u8]) -> bool {
    is_below(path, &["/run/secrets/", "/var/run/secrets/"])
}

fn judge(
    facts: &Facts<'_>,
    keys: &OnceCell<HashSet<Vec<u8>>>,
    file: &ChangedFile,
    text: &[u8],
) -> Option<(Severity, &'static str, &'static str)> {
    let is_odd = is_world_writable(&file.path) || hidden_part(&file.path).is_some();
    if is_token(text) {
        return Some((
            Severity::High,
            "a token of a Kubernetes service account",
            "An agent that keeps its token in a file of its own.",
        ));
    }
    if is_kubeconfig(text) {
        let is_home = base(&file.path) == b"config" && file.path.contains_str("/.kube/") && !is_odd;
        let severity = if is_odd { Severity::High } else { Severity::Low };
        let benign = "A script that makes a kubeconfig from a template, as in jobs of CI.";
        return (is_odd || is_home).then_some((severity, "a kubeconfig", benign));
    }
    let is_key = ["-----BEGIN OPENSSH PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY", "-----BEGIN DSA PRIVATE KEY"]
        .iter()
        .any(|begin| text.trim_ascii_start().starts_with(begin.as_bytes()));
    if is_shadow(text) && !is_place_of_shadow(&file.path) {
        // A copy of a whole system keeps the name.
        let is_of_tree = file.path.ends_with(b"/etc/shadow") || file.path.ends_with(b"/etc/shadow-");
        let severity = if is_odd || is_web(&file.path) {
            Severity::High
        } else if is_of_tree {
            Severity::Low
        } else {
            Severity::Medium
        };
        return Some((severity, "the list of hashes of passwords", "A backup of the system's files: ask who made it."));
    }
    if is_key && !is_place_of_keys(&file.path) && keys.get_or_init(|| keys_in_place(facts)).contains(text) {
        return Some((
            Severity::High,
            "a private key of SSH that has its place elsewhere",
            "A backup of keys: ask who made it.",
        ));
    }
    let is_odd = is_odd
        || is_web(&file.path)
        || is_below(&file.path, &["/usr/", "/var/lib/misc/", "/var/cache/", "/var/spool/", "/var/log/"]);
    if is_key && is_odd {
        let public = bstr::concat([file.path.as_slice(), b".pub"]);
        let is_pair = facts.files().at(&public).next().is_some();
        let severity = if is_pair { Severity::Low } else { Severity::Medium };
        return Some((severity, "a private key of SSH", "A job that makes a key for one use."));
    }
    None
}

/// Where users and the server of SSH have their keys.
fn is_place_of_keys(path: &[u8]) -> bool {
    path.contains_str("/.ssh/") || is_below(path, &["/etc/ssh/"])
}

/// The contents of the keys that users and the server have, as far as they are among the changes.
fn keys_in_place(facts: &Facts<'_>) -> HashSet<Vec<u8>> {
    /// Most keys, which together take no more than 16 MiB.
    const KEYS: usize = 256;
    let is_one = |file: &&ChangedFile| {
        file.place != Place::Deleted && file.file_type == "regular" && file.size <= MOST && is_place_of_keys(&file.path)
    };
    let texts = facts.files().all().iter().filter(is_one).map(|file| facts.files().head(file, MOST).into_owned());
    texts.filter(|text| text.contains_str("PRIVATE KEY")).take(KEYS).collect()
}

/// Whether a text is a list of hashes of passwords: most of its lines have the fields of one, and one has a hash.
fn is_shadow(text: &[u8]) -> bool {
    let is_line = |line: &&[u8]| {
        let fields: Vec<&[u8]> = line.split_str(":").take(16).collect();
        let days = fields.get(2).is_some_and(|days| days.iter().all(u8::is_ascii_digit));
        fields.len() == 9 && days && fields.first().is_some_and(|name| !name.is_empty() && !name.contains(&b' '))
    };
    let (all, good) = (text.lines().take(256).count(), text.lines().take(256).filter(is_line).count());
    let has_hash = text.lines().take(256).filter(is_line).any(|line| {
        let password = line.split_str(":").nth(1).unwrap_or_default();
        password.starts_with(b"$") || password.starts_with(b"!$") || password.starts_with(b"_")
    });
    // Without any hash it tells the names of the accounts and no more.
    let is_long = good >= 10 && text.starts_with(b"root:");
    good >= 3 && good.saturating_mul(4) >= all.saturating_mul(3) && (has_hash || is_long)
}

/// Where the list and the copies that programs make of it are.
fn is_place_of_shadow(path: &[u8]) -> bool {
    is_below(path, &["/etc/shadow", "/etc/.pwd", "/var/backups/", "/usr/share/base-passwd/"])
}

/// Whether a text is a JWT of a service account of Kubernetes.
fn is_token(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    if !text.starts_with(b"eyJ") || text.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let claims =
        text.split_str(".").nth(1).and_then(|part| BASE64URL_NOPAD.decode(part.trim_end_with(|c| c == '=')).ok());
    claims.is_some_and(|claims| claims.contains_str("kubernetes.io") || claims.contains_str("system:serviceaccount:"))
}

fn is_kubeconfig(text: &[u8]) -> bool {
    let has = |word: &str| text.contains_str(word);
    has("kind: Config") && has("clusters:") && has("users:") && (has("token:") || has("client-key") || has("exec:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_their_claims() {
        let claims = |text: &str| format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln\n", BASE64URL_NOPAD.encode(text.as_bytes()));
        assert!(is_token(claims("{\"sub\":\"system:serviceaccount:a:b\"}").as_bytes()));
        assert!(!is_token(claims("{\"sub\":\"user\"}").as_bytes()) && !is_token(b"eyJ not a token"));
    }

    #[test]
    fn lists_of_hashes_are_known() {
        let text = b"root:*:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\na:$6$x$y:19000:0:99999:7:::\n";
        assert!(is_shadow(text) && !is_shadow(b"root:x:0:0:root:/root:/bin/sh\na:b\n"));
        assert!(!is_shadow(&text[..40]) && is_place_of_shadow(b"/etc/shadow-") && !is_place_of_shadow(b"/srv/s"));
    }

    #[test]
    fn configurations_of_clusters_are_known() {
        let text = b"apiVersion: v1\nkind: Config\nclusters:\n- x\nusers:\n- user:\n    token: abc\n";
        assert!(is_kubeconfig(text) && !is_kubeconfig(b"kind: Config\n"));
    }
}

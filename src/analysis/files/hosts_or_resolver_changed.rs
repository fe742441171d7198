//! FS-023: names that are answered by a file.

use std::net::IpAddr;

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::vocabulary::is_loopback;
use super::super::words::{count, shown};
use super::super::{Facts, Report};
use super::common::{about, changed, line, quoted, text, when};

rule! {
    /// Lines of `/etc/hosts` among the changes that give the names of security products, of updates, of code hosts or
    /// of registries to the machine itself or to no one. Other lines do not count. Most engines mount this file, so it
    /// is seldom among the changes.
    "FS-023", hosts_or_resolver_changed, version 1, Files, Incubating, Medium,
    title: "Names of security or update services lead nowhere",
    why: "Malware cuts off updates, scanners and rivals this way.",
    benign: ["A test image that must not reach the network."],
    attack: ["T1562.001", "T1565.001"],
    cost: Files,
    tags: ["evasion"],
    check: check,
}

/// Parts of names that people block to stay undisturbed.
const SERVICES: [&str; 30] = [
    "virustotal.com",
    "clamav.net",
    "crowdstrike.com",
    "sentinelone.net",
    "symantec",
    "mcafee",
    "kaspersky",
    "sophos",
    "trendmicro",
    "eset.com",
    "malwarebytes",
    "elastic.co",
    "sysdig.com",
    "falco.org",
    "aquasec.com",
    "aegis.aliyun.com",
    "aliyuncs.com",
    "update.microsoft.com",
    "windowsupdate",
    "security.debian.org",
    "security.ubuntu.com",
    "archive.ubuntu.com",
    "deb.debian.org",
    "dl-cdn.alpinelinux.org",
    "github.com",
    "raw.githubusercontent.com",
    "docker.io",
    "minexmr.com",
    "nanopool.org",
    "supportxmr.com",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in changed(facts, report) {
        if file.path != "/etc/hosts" || file.size == 0 {
            continue;
        }
        if !report.look() {
            return;
        }
        let text = text(facts, file, report);
        let blocked: Vec<Line<'_>> = commands::lines(&text).filter(|line| blocks(line.text)).take(64).collect();
        let Some(first) = blocked.first() else {
            report.skip();
            continue;
        };
        let mut finding = about(facts, &RULE, file).sentence(format!(
            "{} has {} that cut off a service, first {}{}.",
            shown(&file.path),
            count(blocked.len(), "line"),
            quoted(first.text),
            when(facts, file)
        ));
        for at in blocked.iter().take(16) {
            finding = finding.evidence(line(facts, file, *at));
        }
        report.add(finding);
    }
}

fn blocks(line: &[u8]) -> bool {
    let mut words = commands::code(line).fields();
    let address: Option<IpAddr> = words.next().and_then(|word| word.to_str().ok()?.parse().ok());
    let leads_nowhere = address.is_some_and(|address| is_loopback(address) || address.is_unspecified());
    leads_nowhere && words.any(|name| SERVICES.iter().any(|service| name.to_ascii_lowercase().contains_str(service)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_cut_off_services() {
        assert!(blocks(b"127.0.0.1 security.debian.org") && blocks(b"0.0.0.0\twww.virustotal.com x"));
        assert!(
            !blocks(b"127.0.0.1 localhost") && !blocks(b"10.0.0.1 github.com") && !blocks(b"# 127.0.0.1 github.com")
        );
    }
}

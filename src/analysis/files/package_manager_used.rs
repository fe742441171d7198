//! FS-017: a package manager ran in the container.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Manager, base};
use super::super::words::{count, listed, shown};
use super::super::{Confidence, Facts, Finding, Report, Severity, Subject};
use super::common::{changed, next, row};

rule! {
    /// A package manager installed or changed packages in the running container: the database of dpkg, apk, rpm or
    /// pacman, or directories of pip, npm or gem, are among the changes. The packages are named as far as the database
    /// names them. It is medium if one of them is a tool that is used for attacks.
    "FS-017", package_manager_used, version 1, Files, Stable, Low,
    title: "A package manager ran in the container",
    why: "Containers are seldom changed after their start. Packages are also how intruders bring their tools.",
    benign: ["An entry point or an administrator who installs what the image lacks: ask for the list of packages."],
    attack: ["T1105", "T1072"],
    cost: Files,
    tags: ["tool"],
    check: check,
}

/// Packages that are mostly used for attacks.
const TOOLS: [&str; 33] = [
    "nmap",
    "masscan",
    "hydra",
    "medusa",
    "john",
    "hashcat",
    "sqlmap",
    "nikto",
    "metasploit",
    "netcat",
    "netcat-traditional",
    "ncat",
    "proxychains",
    "proxychains4",
    "proxychains-ng",
    "tor",
    "xmrig",
    "cpuminer",
    "zmap",
    "gobuster",
    "dirb",
    "ffuf",
    "responder",
    "impacket",
    "mimikatz",
    "chisel",
    "sshpass",
    "aircrack-ng",
    "ettercap",
    "tcpdump",
    "dsniff",
    "pwncat",
    "pwncat-cs",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut first: BTreeMap<Manager, Vec<&ChangedFile>> = BTreeMap::new();
    for (file, _) in changed(facts, report) {
        let Some(manager) = Manager::of(&file.path).filter(|_| file.file_type == "regular") else { continue };
        if !report.look() {
            return;
        }
        let files = first.entry(manager).or_default();
        if files.len() < 8 {
            files.push(file);
        }
    }
    for (manager, packages) in facts.packages().managers() {
        let Some(files) = first.get(&manager).filter(|files| !files.is_empty()) else { continue };
        report.add(found(facts, manager, packages, files));
    }
}

fn found(facts: &Facts<'_>, manager: Manager, packages: &[BString], files: &[&ChangedFile]) -> Finding {
    let mut packages: Vec<&BString> = packages.iter().collect();
    packages.sort_unstable();
    packages.dedup();
    let tools: Vec<String> =
        packages.iter().filter(|package| is_tool(package)).map(|package| shown(package)).take(8).collect();
    let names: Vec<String> = packages.iter().map(|package| shown(package)).take(6).collect();
    let what = match packages.len() {
        0 => "its database changed".to_owned(),
        number if number > names.len() => {
            format!("{} are of it: {} and others", count(number, "package"), names.join(", "))
        }
        _ => format!("it installed or changed {}", listed(&names)),
    };
    let (severity, more) = if tools.is_empty() {
        (Severity::Low, String::new())
    } else {
        (Severity::Medium, format!(". Among them are tools used for attacks: {}", listed(&tools)))
    };
    let mut finding = Finding::new(&RULE, Subject::Container("packages"))
        .severity(severity)
        .confidence(Confidence::High)
        .identity([manager.as_str()])
        .identity(tools.iter().map(String::as_str))
        .sentence(format!("{} ran in the container: {what}{more}.", manager.as_str()));
    if let Some(file) = files.first() {
        finding = finding.next(next(file));
    }
    for file in files {
        finding = finding.evidence(row(facts, file));
    }
    finding
}

/// Whether a package is a tool for attacks, with or without a version or an architecture.
fn is_tool(package: &[u8]) -> bool {
    let name = package.split_str(":").next().unwrap_or(package);
    let name = name.split_str("@").next().unwrap_or(name);
    let plain = match name.rsplit_once_str("-") {
        Some((plain, version)) if version.first().is_some_and(u8::is_ascii_digit) => plain,
        _ => name,
    };
    TOOLS.iter().any(|tool| tool.as_bytes() == base(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_with_versions() {
        assert!(
            is_tool(b"nmap") && is_tool(b"netcat-traditional") && is_tool(b"impacket-0.12.0") && is_tool(b"nmap:amd64")
        );
        assert!(!is_tool(b"libnmap") && !is_tool(b"curl") && !is_tool(b"torsocks") && !is_tool(b"torch-2.1"));
    }
}

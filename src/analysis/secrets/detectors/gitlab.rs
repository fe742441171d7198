//! Tokens of GitLab.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, begins_word, entropy, has, is_url64, part, run};

fn is_small(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Where the tail of a routable token ends: a version, and a length with a checksum.
fn tail(bytes: &[u8], place: usize) -> Option<usize> {
    let version = text::skip(bytes, place, b".")?;
    let dot = run(bytes, version, is_small, 2);
    let sum = text::maybe(bytes, dot, |byte| byte == b'.');
    let end = run(bytes, sum, is_small, 10);
    (dot.saturating_sub(version) == 2 && matches!(end.saturating_sub(sum), 7 | 9)).then_some(end)
}

/// Tokens of users, projects, runners, deployments and applications.
pub(super) static TOKEN: Detector = Detector {
    id: "gitlab-token",
    title: "GitLab token",
    provider: Some("GitLab"),
    action: "Revoke the token where it was made: user, project, group or runner. The audit events show its use.",
    style: Style::Token,
    marks: &[
        Mark::text("glpat-"),
        Mark::text("gldt-"),
        Mark::text("glptt-"),
        Mark::text("glrt-"),
        Mark::text("glrtr-"),
        Mark::text("glwt-"),
        Mark::text("glsoat-"),
        Mark::text("glft-"),
        Mark::text("glcbt-"),
        Mark::text("glagent-"),
        Mark::text("glimt-"),
        Mark::text("glffct-"),
        Mark::text("gloas-"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        let Some(mark) = TOKEN.marks.iter().find(|mark| has(bytes, place, mark.bytes())) else { return };
        let start = place.saturating_add(mark.bytes().len());
        let body = run(bytes, start, is_url64, 301);
        let len = body.saturating_sub(start);
        let (end, is_routable) = tail(bytes, body).map_or((body, false), |end| (end, true));
        // Personal tokens without a tail have exactly twenty characters.
        let is_personal = mark.bytes() == b"glpat-";
        let is_length = (20..=300).contains(&len) && (!is_personal || len == 20 || is_routable);
        // A full stop behind it is the end of a sentence, unless a word follows.
        let goes_on = |place: usize| at(bytes, place).is_some_and(is_url64);
        let is_end = !goes_on(end) && (at(bytes, end) != Some(b'.') || !goes_on(end.saturating_add(1)));
        if !is_length || !is_end || !begins_word(bytes, place) {
            return;
        }
        let found = Match::of(place..end).public(mark.bytes().len());
        let random = part(bytes, start..body);
        if random.windows(2).all(|pair| pair.first() == pair.last()) {
            out.push(found.tag("example"));
        } else if entropy(part(bytes, place..end)) >= 3.2 {
            out.push(found);
        }
    },
};

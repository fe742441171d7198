//! Tokens of the Python package index: macaroons.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, begins_word, is_url64, part, run};

/// Upload tokens. The macaroon begins with its version and the place that issued it.
pub(super) static TOKEN: Detector = Detector {
    id: "pypi-token",
    title: "PyPI token",
    provider: Some("PyPI"),
    action: "Delete the token in the account settings; look for releases that were uploaded with it.",
    style: Style::Token,
    marks: &[Mark::text("pypi-AgE")],
    wrapped: true,
    find: |bytes, place, out| {
        let start = place.saturating_add(5);
        let end = run(bytes, start, is_url64, 1003);
        if end.saturating_sub(start) < 53 || !begins_word(bytes, place) {
            return;
        }
        let head = part(bytes, start..end);
        let whole = head.len().saturating_sub(head.len() % 4);
        let Some(macaroon) = text::base64url(head).or_else(|| text::base64url(head.get(..whole)?)) else { return };
        let is_version = macaroon.starts_with(&[2, 1]);
        let len = macaroon.get(2).copied().map_or(0, usize::from);
        let location = macaroon.get(3..len.saturating_add(3)).unwrap_or_default();
        if is_version && (location.starts_with(b"pypi.") || location.starts_with(b"test.pypi.")) {
            let whom = std::str::from_utf8(location).ok().map(str::to_owned);
            out.push(Match::of(place..end).public(5).of_whom(whom));
        }
    },
};

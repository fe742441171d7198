//! Keys of Twilio, which are told by the name before them.

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{begins_word, ends_word, entropy, has, is_hex, part, run};

/// Account ids and API keys near the name.
pub(super) static KEY: Detector = Detector {
    id: "twilio-key",
    title: "Twilio key",
    provider: Some("Twilio"),
    action: "Delete the API key in the console; for an account id, change the account's auth token.",
    style: Style::Token,
    marks: &[Mark::any_case("twilio")],
    wrapped: false,
    find: |bytes, place, out| {
        let behind = place.saturating_add(6);
        let to = run(bytes, behind, |byte| !matches!(byte, 0 | b'\r' | b'\n'), 40);
        let key = (behind..=to).find_map(|start| {
            let is_kind = (has(bytes, start, b"SK") || has(bytes, start, b"AC")) && begins_word(bytes, start);
            let end = run(bytes, start.saturating_add(2), is_hex, 33);
            (is_kind && end.saturating_sub(start) == 34 && ends_word(bytes, end)).then_some(start..end)
        });
        let key = key.filter(|key| entropy(part(bytes, key.start.saturating_add(2)..key.end)) >= 2.5);
        if let Some(value) = key {
            let is_id = has(bytes, value.start, b"AC");
            let found = Match::of(value.clone()).within(place..value.end).public(2).sure(Confidence::Medium);
            out.push(if is_id { found.tag("account_id") } else { found });
        }
    },
};

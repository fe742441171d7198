//! Key files of Google's service accounts.

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{entropy, is_hex, part, run, run_back};
use super::placeholder::is_placeholder;

/// Bytes before and after the type in which the object may be.
const BEFORE: usize = 4096;
const BEHIND: usize = 12 << 10;

/// The value of a text of a flat JSON object, without its quotes.
fn text_of(object: &[u8], name: &str) -> Option<std::ops::Range<usize>> {
    let quoted = format!("\"{name}\"");
    let colon = object.find(&quoted)?.checked_add(quoted.len())?;
    let colon = run(object, colon, |byte| byte.is_ascii_whitespace(), 16);
    let quote = run(object, colon.checked_add(1)?, |byte| byte.is_ascii_whitespace(), 16);
    (object.get(colon) == Some(&b':') && object.get(quote) == Some(&b'"')).then_some(())?;
    let start = quote.checked_add(1)?;
    let end = start.checked_add(object.get(start..)?.find_byte(b'"')?)?;
    Some(start..end)
}

/// The JSON object of a service account, with its private key.
pub(super) static SERVICE_ACCOUNT: Detector = Detector {
    id: "gcp-service-account",
    title: "Google service account key",
    provider: Some("Google Cloud"),
    action: "Delete the key of the service account, make a new one, and search the audit logs for the e-mail address.",
    style: Style::Key,
    marks: &[Mark::text("\"service_account\"")],
    wrapped: true,
    find: |bytes, place, out| {
        // `"type": ` stands before it.
        let colon = run_back(bytes, place, |byte| byte.is_ascii_whitespace(), 4);
        let name = run_back(bytes, colon.saturating_sub(1), |byte| byte.is_ascii_whitespace(), 4);
        let is_type = colon.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b':')
            && bytes.get(..name).is_some_and(|head| head.ends_with(b"\"type\""));
        if !is_type {
            return;
        }
        let from = place.saturating_sub(BEFORE);
        let Some(open) = part(bytes, from..place).rfind_byte(b'{').and_then(|at| from.checked_add(at)) else { return };
        let to = place.saturating_add(BEHIND).min(bytes.len());
        let Some(close) = part(bytes, place..to).find_byte(b'}').and_then(|at| place.checked_add(at)) else { return };
        let object = part(bytes, open..close);
        let id = text_of(object, "private_key_id").map(|range| part(object, range));
        let is_id = id.is_some_and(|id| id.len() == 40 && id.iter().all(|byte| is_hex(*byte)));
        let Some(key) = text_of(object, "private_key").filter(|key| is_id && key.len() >= 8) else { return };
        let text = part(object, key.clone());
        if is_placeholder(text) || text.contains_str("...") || entropy(text) < 2.5 {
            return;
        }
        let whom = text_of(object, "client_email").and_then(|range| part(object, range).to_str().ok());
        let value = open.saturating_add(key.start)..open.saturating_add(key.end);
        out.push(Match::of(value).within(open..close).of_whom(whom.map(str::to_owned)));
    },
};

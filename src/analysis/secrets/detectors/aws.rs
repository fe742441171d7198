//! Credentials of AWS.

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{
    self, at, begins_word, ends_word, entropy, has_any_case, is_any_hex, is_base32, is_base64, part, run,
};

/// What to do about all of them.
const ACTION: &str = "Deactivate the key in IAM, issue a new one, and search CloudTrail for what it was used for.";

/// The account that a key id belongs to: it is in its characters.
fn account(id: &[u8]) -> Option<String> {
    let bytes = data_encoding::BASE32.decode(id.get(4..20)?).ok()?;
    let number = bytes.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Some(format!("account {:012}", (number & 0x7fff_ffff_ff80) >> 7))
}

/// Ids of keys, long-lived (`AKIA`) and temporary.
pub(super) static ACCESS_KEY_ID: Detector = Detector {
    id: "aws-access-key-id",
    title: "AWS access key id",
    provider: Some("AWS"),
    action: ACTION,
    style: Style::Token,
    marks: &[Mark::text("AKIA"), Mark::text("ASIA"), Mark::text("ABIA"), Mark::text("ACCA")],
    wrapped: true,
    find: |bytes, place, out| {
        let end = run(bytes, place.saturating_add(4), is_base32, 17);
        let id = part(bytes, place..end);
        if id.len() == 20 && begins_word(bytes, place) && ends_word(bytes, end) && entropy(id) >= 3.0 {
            out.push(Match::of(place..end).public(4).of_whom(account(id)));
        }
    },
};

/// Quotes, also those of a text in a text, and blanks.
fn is_quote_or_blank(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b' ' | b'\\' | b'\t')
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b' ' | b'.' | b'-')
}

/// Where a value begins behind a name: quotes, a sign of assignment, quotes; or a blank, as on a command line.
fn value_of(bytes: &[u8], place: usize) -> Option<usize> {
    let sign = run(bytes, place, is_quote_or_blank, 3);
    let signs: [&[u8]; 5] = [b":=", b"=>", b"=", b":", b">"];
    match signs.iter().find_map(|text| text::skip(bytes, sign, text)) {
        Some(behind) => Some(run(bytes, behind, is_quote_or_blank, 4)),
        None => (sign > place).then_some(sign),
    }
}

/// Secret keys, which only their name gives away.
pub(super) static SECRET_ACCESS_KEY: Detector = Detector {
    id: "aws-secret-access-key",
    title: "AWS secret access key",
    provider: Some("AWS"),
    action: ACTION,
    style: Style::Token,
    marks: &[Mark::any_case("secret")],
    wrapped: true,
    find: |bytes, place, out| {
        let behind = place.saturating_add(6);
        let key = || {
            let joint = text::maybe(bytes, behind, is_joint);
            let access = if has_any_case(bytes, joint, b"access") { joint.saturating_add(6) } else { joint };
            let joint = text::maybe(bytes, access, is_joint);
            has_any_case(bytes, joint, b"key").then(|| joint.saturating_add(3))
        };
        let is_aws = || {
            let joint = text::run_back(bytes, place, is_joint, 1);
            joint.checked_sub(3).filter(|start| has_any_case(bytes, *start, b"aws"))
        };
        let names = [key(), is_aws().map(|_| behind)];
        let Some(start) = names.into_iter().flatten().find_map(|name| value_of(bytes, name)) else { return };
        // PHP writes `\/` in JSON.
        let mut value = Vec::new();
        let mut end = start;
        while value.len() <= 40 {
            end = match (at(bytes, end), at(bytes, end.saturating_add(1))) {
                (Some(b'\\'), Some(b'/')) => end.saturating_add(1),
                _ => end,
            };
            let Some(byte) = at(bytes, end).filter(|byte| is_base64(*byte)) else { break };
            value.push(byte);
            end = end.saturating_add(1);
        }
        let has = |class: fn(&u8) -> bool| value.iter().any(class);
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        let is_whole = value.len() == 40 && at(bytes, end) != Some(b'=') && is_mixed;
        if is_whole && !value.iter().all(|byte| is_any_hex(*byte)) && entropy(&value) >= 4.2 {
            let mut found = Match::of(start..end).within(place..end).sure(Confidence::Medium);
            found.read = (value != part(bytes, start..end)).then_some(value);
            out.push(found);
        }
    },
};

/// Session tokens: with them, a temporary key id and its secret can be used.
pub(super) static SESSION_TOKEN: Detector = Detector {
    id: "aws-session-token",
    title: "AWS session token",
    provider: Some("AWS"),
    action: "Revoke the sessions of the role in IAM, and search CloudTrail for what they were used for.",
    style: Style::Token,
    marks: &[Mark::text("IQoJb3JpZ2lu"), Mark::text("FwoGZXIvYXdz")],
    wrapped: true,
    find: |bytes, place, out| {
        let body = place.saturating_add(12);
        // In a query, signs are written as `%2F`.
        let to = run(bytes, body, |byte| is_base64(byte) || byte == b'%', 2000);
        let end = run(bytes, to, |byte| byte == b'=', 2);
        let token = text::unquoted(part(bytes, place..end));
        let is_long = to.saturating_sub(body) >= 100;
        if is_long && begins_word(bytes, place) && text::base64(&token).is_some() {
            let mut found = Match::of(place..end).public(12);
            found.read = (token != part(bytes, place..end)).then_some(token);
            out.push(found);
        }
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_in_the_key_id() {
        // The published example of how it is encoded.
        let id = ["ASIA", "QNZGKIQY", "56JQ7WML"].concat();
        assert_eq!(account(id.as_bytes()).unwrap(), "account 029608264753");
    }
}

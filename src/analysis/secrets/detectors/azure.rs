//! Secrets of Azure: keys of storage accounts, secrets of applications, signatures of shared access.

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, before, entropy, has_any_case, is_base64, is_url64, part, run, run_back};

fn is_quote_or_blank(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b' ' | b'\\')
}

/// Keys of storage accounts: 64 bytes in base64 behind a name.
pub(super) static STORAGE_KEY: Detector = Detector {
    id: "azure-storage-key",
    title: "Azure storage account key",
    provider: Some("Azure"),
    action: "Rotate both keys of the storage account; the storage logs show their use.",
    style: Style::Token,
    marks: &[
        Mark::any_case("accountkey"),
        Mark::any_case("account_key"),
        Mark::any_case("account-key"),
        Mark::any_case("storagekey"),
        Mark::any_case("storage_key"),
        Mark::any_case("storage-key"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        let Some(name) = STORAGE_KEY.marks.iter().find(|mark| has_any_case(bytes, place, mark.bytes())) else { return };
        let behind = place.saturating_add(name.bytes().len());
        let sign = run(bytes, behind, is_quote_or_blank, 3);
        let start = match at(bytes, sign) {
            Some(b'=' | b':') => run(bytes, sign.saturating_add(1), is_quote_or_blank, 4),
            // On a command line.
            _ if sign > behind => sign,
            _ => return,
        };
        let end = run(bytes, start, is_base64, 87);
        let Some(whole) = text::skip(bytes, end, b"==").filter(|_| end.saturating_sub(start) == 86) else { return };
        let key = text::base64(part(bytes, start..whole)).unwrap_or_default();
        if key.len() == 64 && entropy(&key) >= 5.0 {
            // The account stands before it in a connection string.
            let from = place.saturating_sub(256);
            let head = part(bytes, from..place);
            let named = head.rfind(b"AccountName=");
            let span = named.map_or(place, |at| from.saturating_add(at));
            let account = named.and_then(|at| head.get(at.checked_add(12)?..));
            let account = account.and_then(|rest| part(rest, 0..run(rest, 0, text::is_alnum, 24)).to_str().ok());
            let whom = account.filter(|name| !name.is_empty()).map(|name| format!("account {name}"));
            out.push(Match::of(start..whole).within(span..whole).of_whom(whom));
        }
    },
};

fn is_of_secret(byte: u8) -> bool {
    is_url64(byte) || byte == b'.' || byte == b'~'
}

/// Secrets of applications in Entra ID: `Q~` after three characters and a digit.
pub(super) static CLIENT_SECRET: Detector = Detector {
    id: "azure-client-secret",
    title: "Azure client secret",
    provider: Some("Azure"),
    action: "Add a new client secret to the app registration, then delete this one; the sign-in logs show its use.",
    style: Style::Token,
    marks: &[
        Mark::text("0Q~"),
        Mark::text("1Q~"),
        Mark::text("2Q~"),
        Mark::text("3Q~"),
        Mark::text("4Q~"),
        Mark::text("5Q~"),
        Mark::text("6Q~"),
        Mark::text("7Q~"),
        Mark::text("8Q~"),
        Mark::text("9Q~"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        let Some(start) = place.checked_sub(3) else { return };
        let body = place.saturating_add(3);
        let end = run(bytes, body, is_of_secret, 35);
        let is_whole = run_back(bytes, place, is_of_secret, 3) == start
            && (before(bytes, start).is_none_or(|byte| !is_of_secret(byte)) || text::begins_word(bytes, start))
            && (31..=34).contains(&end.saturating_sub(body));
        if is_whole && entropy(part(bytes, start..end)) >= 3.5 {
            out.push(Match::of(start..end));
        }
    },
};

/// Signatures of shared access, in the query of a URL.
pub(super) static SAS: Detector = Detector {
    id: "azure-sas",
    title: "Azure shared access signature",
    provider: Some("Azure"),
    action: "Rotate the key that signed it, or revoke its stored access policy.",
    style: Style::Token,
    // The sign before it is also written as `&amp;` and `\u0026`.
    marks: &[Mark::text("&sig="), Mark::text("?sig="), Mark::text(";sig="), Mark::text("u0026sig=")],
    wrapped: true,
    find: |bytes, place, out| {
        let is_of_query = |byte: u8| !text::is_break(byte) && !matches!(byte, b'"' | b'\'' | b'<' | b'>');
        let from = run_back(bytes, place, is_of_query, 405);
        let Some(mark) = SAS.marks.iter().find(|mark| text::has(bytes, place, mark.bytes())) else { return };
        let start = place.saturating_add(mark.bytes().len());
        let is_of_signature = |byte: u8| is_base64(byte) || byte == b'%' || byte == b'=';
        let end = run(bytes, start, is_of_signature, 66);
        let query = part(bytes, from..run(bytes, end, is_of_query, 405));
        let names: [&[u8]; 8] = [b"sv=", b"sp=", b"se=", b"st=", b"sr=", b"ss=", b"srt=", b"spr="];
        let is_parameter = |at: usize| {
            matches!(query.get(at), Some(b'?' | b'&' | b';' | b'=' | b'6'))
                && names.iter().any(|name| text::has(query, at.saturating_add(1), name))
        };
        let Some(first) = (0..query.len()).find(|at| is_parameter(*at)) else { return };
        let signature = text::base64(&text::unquoted(part(bytes, start..end)));
        if signature.is_some_and(|signature| signature.len() == 32 && entropy(&signature) >= 3.0) {
            let is_expiry = |at: usize| is_parameter(at) && text::has(query, at.saturating_add(1), b"se=");
            let expiry = (0..query.len()).find(|at| is_expiry(*at)).and_then(|at| query.get(at.checked_add(4)?..));
            let expiry = expiry.map(|rest| rest.split(|byte| matches!(byte, b'&' | b'\\')).next().unwrap_or_default());
            let expiry = expiry.and_then(|time| String::from_utf8(text::unquoted(time)).ok());
            let whom = expiry.map(|time| format!("expires {time}"));
            let span = from.saturating_add(first).min(place)..end;
            out.push(Match::of(start..end).within(span).of_whom(whom));
        }
    },
};

//! Credentials of registries in `config.json` of Docker and its relatives.

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, is_base64, is_printable, part, run};

/// Longest login: those of Amazon's registry have a token of two kibibytes.
const LONGEST: usize = 8 << 10;

/// `"auth": "…"`: the user and the password in base64.
pub(super) static CONFIG_AUTH: Detector = Detector {
    id: "docker-config-auth",
    title: "Registry password",
    provider: None,
    action: "Change the password or token of the registry's user; look for images that were pushed with it.",
    style: Style::Password,
    marks: &[Mark::text("\"auth\"")],
    wrapped: false,
    find: |bytes, place, out| {
        let blank = |byte: u8| byte.is_ascii_whitespace();
        let colon = run(bytes, place.saturating_add(6), blank, 4);
        let quote = run(bytes, colon.saturating_add(1), blank, 4);
        let start = quote.saturating_add(1);
        let body = run(bytes, start, is_base64, LONGEST.saturating_add(1));
        let end = run(bytes, body, |byte| byte == b'=', 2);
        let is_shape = at(bytes, colon) == Some(b':')
            && at(bytes, quote) == Some(b'"')
            && at(bytes, end) == Some(b'"')
            && (8..=LONGEST).contains(&body.saturating_sub(start));
        let Some(login) = text::base64(part(bytes, start..end)).filter(|login| is_shape && is_printable(login)) else {
            return;
        };
        let Some((user, password)) = login.split_once_str(":").filter(|(user, _)| !user.is_empty()) else { return };
        if password.is_empty() {
            return;
        }
        // The registry is the key of the object around it.
        let from = place.saturating_sub(300);
        let head = part(bytes, from..place);
        let open = head.rfind_byte(b'{').and_then(|at| head.get(..at)).map(ByteSlice::trim_end);
        let registry =
            open.and_then(|head| head.strip_suffix(b":")).and_then(|head| head.trim_end().strip_suffix(b"\""));
        let registry = registry.and_then(|head| head.rsplit(|byte| *byte == b'"').next()).unwrap_or_default();
        let whom = format!("{}@{}", user.to_str_lossy(), registry.to_str_lossy());
        let whom = whom.trim_end_matches('@').to_owned();
        let mut found = Match::of(start..end).within(place..end).of_whom(Some(whom));
        found.inner = Some(password.to_vec());
        out.push(found);
    },
};

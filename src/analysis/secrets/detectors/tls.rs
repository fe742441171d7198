//! Secrets of TLS sessions, as programs log them for Wireshark (`SSLKEYLOGFILE`).

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, begins_word, entropy, has, is_any_hex, part, run};

/// A line of a key log: a label, the client's random bytes, the secret.
pub(super) static SESSION_KEY: Detector = Detector {
    id: "tls-session-key",
    title: "Key of a TLS session",
    provider: None,
    action: "Whoever recorded the traffic can read it: change what was sent in these sessions, and turn key logging off.",
    style: Style::Token,
    marks: &[
        Mark::text("CLIENT_RANDOM "),
        Mark::text("PMS_CLIENT_RANDOM "),
        Mark::text("ECH_SECRET "),
        Mark::text("CLIENT_TRAFFIC_SECRET_"),
        Mark::text("SERVER_TRAFFIC_SECRET_"),
        Mark::text("CLIENT_HANDSHAKE_TRAFFIC_SECRET "),
        Mark::text("SERVER_HANDSHAKE_TRAFFIC_SECRET "),
        Mark::text("CLIENT_EARLY_TRAFFIC_SECRET "),
        Mark::text("EXPORTER_SECRET "),
        Mark::text("EARLY_EXPORTER_SECRET "),
        Mark::text("RSA "),
        Mark::text("Master-Key:"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(mark) = SESSION_KEY.marks.iter().find(|mark| has(bytes, place, mark.bytes())) else { return };
        let label = place.saturating_add(mark.bytes().len());
        // The two older forms have the encrypted secret or the session instead of the client's random bytes.
        let old = match mark.bytes() {
            b"RSA " => {
                let space = run(bytes, label, is_any_hex, 17);
                (space.saturating_sub(label) == 16 && at(bytes, space) == Some(b' ')).then(|| space.saturating_add(1))
            }
            b"Master-Key:" => Some(text::maybe(bytes, label, |byte| byte == b' ')),
            _ => None,
        };
        if let Some(secret) = old {
            let end = run(bytes, secret, is_any_hex, 97);
            let is_whole = end.saturating_sub(secret) == 96 && begins_word(bytes, place);
            if is_whole && entropy(part(bytes, secret..end)) >= 2.5 {
                out.push(Match::of(secret..end).within(place..end).of_whom(Some("master secret".to_owned())));
            }
            return;
        }
        // The number of a traffic secret.
        let digits = run(bytes, label, |byte| byte.is_ascii_digit(), 9);
        let random = if digits > label && at(bytes, digits) == Some(b' ') { digits.saturating_add(1) } else { label };
        let space = run(bytes, random, is_any_hex, 65);
        let secret = space.saturating_add(1);
        let end = run(bytes, secret, is_any_hex, 129);
        let is_shape = space.saturating_sub(random) == 64
            && at(bytes, space) == Some(b' ')
            && matches!(end.saturating_sub(secret), 64 | 96 | 128)
            && begins_word(bytes, place);
        let is_random = entropy(part(bytes, secret..end)) >= 2.5 && entropy(part(bytes, random..space)) >= 2.5;
        if is_shape && is_random {
            let name = part(bytes, place..random.saturating_sub(1));
            let whom = std::str::from_utf8(name).ok().map(str::to_owned);
            out.push(Match::of(secret..end).within(place..end).of_whom(whom));
        }
    },
};

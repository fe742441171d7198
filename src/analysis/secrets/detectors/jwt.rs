//! JSON web tokens, and those of Kubernetes' service accounts among them. Header and payload are claims, not secrets;
//! the signature is.

use serde_json::Value;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, begins_word, is_url64, part, run};

/// A token with the claims in it.
struct Token {
    end: usize,
    payload_end: usize,
    claims: Value,
    algorithm: String,
}

fn read(bytes: &[u8], place: usize) -> Option<Token> {
    if !begins_word(bytes, place) {
        return None;
    }
    let dot = run(bytes, place, is_url64, 403);
    let payload = dot.checked_add(1)?;
    let second = run(bytes, payload, is_url64, 8003);
    let signature = second.checked_add(1)?;
    let end = run(bytes, signature, is_url64, 1400);
    let is_shape = dot.saturating_sub(place) >= 13
        && text::at(bytes, dot) == Some(b'.')
        && text::has(bytes, payload, b"eyJ")
        && second.saturating_sub(payload) >= 5
        && text::at(bytes, second) == Some(b'.')
        && end.saturating_sub(signature) >= 20;
    if !is_shape {
        return None;
    }
    let object = |text: &[u8]| -> Option<Value> {
        let value: Value = serde_json::from_slice(&text::base64url(text)?).ok()?;
        value.is_object().then_some(value)
    };
    let header = object(part(bytes, place..dot))?;
    let claims = object(part(bytes, payload..second))?;
    let algorithm = header.get("alg")?.as_str().filter(|name| !name.eq_ignore_ascii_case("none"))?.to_owned();
    Some(Token { end, payload_end: signature, claims, algorithm })
}

fn is_service_account(claims: &Value) -> bool {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let has_claim =
        claims.as_object().is_some_and(|claims| claims.keys().any(|name| name.starts_with("kubernetes.io")));
    has_claim || subject.starts_with("system:serviceaccount:")
}

/// Who issued it for whom, and until when, as far as it says.
fn principal(token: &Token) -> String {
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str);
    let mut parts = vec![format!("alg {}", token.algorithm)];
    parts.extend(text("iss").map(|issuer| format!("iss {issuer}")));
    parts.extend(text("sub").map(|subject| format!("sub {subject}")));
    let expiry = token.claims.get("exp").and_then(Value::as_f64).filter(|time| time.is_finite());
    let time = expiry.and_then(|time| format!("{time:.0}").parse().ok());
    let time = time.and_then(|second| jiff::Timestamp::from_second(second).ok());
    parts.extend(time.map(|time| format!("expires {}", time.strftime("%Y-%m-%dT%H:%M:%SZ"))));
    parts.join(", ")
}

fn found(token: &Token, place: usize) -> Match {
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str);
    // jwt.io, RFC 7515 and its relatives, PyJWT.
    let sample = text("name") == Some("John Doe") && text("sub") == Some("1234567890")
        || text("iss") == Some("joe") && token.claims.get("exp").and_then(Value::as_u64) == Some(1_300_819_380)
        || token.claims.as_object().is_some_and(|claims| claims.len() == 1) && text("some") == Some("payload");
    let found =
        Match::of(place..token.end).public(token.payload_end.saturating_sub(place)).of_whom(Some(principal(token)));
    if sample { found.tag("example") } else { found }
}

/// What tokens begin with. Base64 of the first is too short to be looked for, so there are two longer ones: `{"alg":` and
/// `{"typ":`.
static MARKS: [Mark; 3] = [Mark::text("eyJ"), Mark::text("eyJhbGciOi"), Mark::text("eyJ0eXAiOi")];

/// Tokens of service accounts.
pub(super) static SERVICE_ACCOUNT: Detector = Detector {
    id: "kubernetes-serviceaccount-token",
    title: "Kubernetes service account token",
    provider: Some("Kubernetes"),
    action: "Delete the pod or the token's secret, so that the token is no longer accepted; the API server's audit log shows \
             its use.",
    style: Style::Token,
    marks: &MARKS,
    wrapped: true,
    find: |bytes, place, out| {
        if let Some(token) = read(bytes, place).filter(|token| is_service_account(&token.claims)) {
            out.push(found(&token, place));
        }
    },
};

/// All others.
pub(super) static JWT: Detector = Detector {
    id: "jwt",
    title: "JSON web token",
    provider: None,
    action: "End the session at its issuer; if it cannot be revoked, wait for its expiry or change the signing key.",
    style: Style::Token,
    marks: &MARKS,
    wrapped: true,
    find: |bytes, place, out| {
        if let Some(token) = read(bytes, place).filter(|token| !is_service_account(&token.claims)) {
            out.push(found(&token, place));
        }
    },
};

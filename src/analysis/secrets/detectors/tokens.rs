//! Tokens that are told by their shape alone: a prefix of the provider, then so many characters of an alphabet.

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{
    self, Class, at, begins_word, ends_word, entropy, has, is_alnum, is_any_hex, is_base32, is_digit, is_hex, is_upper,
    is_url64,
};

/// A part of a token.
pub(super) enum Piece {
    /// These bytes.
    Text(&'static str),
    /// From so many to so many bytes of a class.
    Run(Class, usize, usize),
}

/// What may not follow a token.
pub(super) enum End {
    /// A word.
    Word,
    /// A byte of a class.
    Not(Class),
    /// Anything may.
    Any,
}

/// The shape of a token.
pub(super) struct Shape {
    /// The pieces behind the mark.
    pub(super) pieces: &'static [Piece],
    pub(super) end: End,
    /// The least entropy of the token, in bits per character.
    pub(super) entropy: f64,
}

use Piece::{Run, Text};

/// Where a token of a shape ends, if one follows the mark of some length at a place.
pub(super) fn shaped(bytes: &[u8], place: usize, mark: usize, shape: &Shape) -> Option<usize> {
    let mut end = place.saturating_add(mark);
    for piece in shape.pieces {
        end = match piece {
            Text(text) => text::skip(bytes, end, text.as_bytes())?,
            Run(class, least, most) => {
                let to = text::run(bytes, end, *class, *most);
                (to.saturating_sub(end) >= *least).then_some(to)?
            }
        };
    }
    let is_end = match shape.end {
        End::Word => ends_word(bytes, end),
        End::Not(class) => at(bytes, end).is_none_or(|byte| !class(byte)),
        End::Any => true,
    };
    let is_random = || shape.entropy <= 0.0 || entropy(text::part(bytes, place..end)) >= shape.entropy;
    (is_end && is_random()).then_some(end)
}

/// A token that begins with a mark at a place.
fn prefixed(bytes: &[u8], place: usize, marks: &[Mark], shape: &Shape, out: &mut Vec<Match>) {
    let Some(mark) = marks.iter().find(|mark| has(bytes, place, mark.bytes())) else { return };
    let mark = mark.bytes().len();
    if begins_word(bytes, place)
        && let Some(end) = shaped(bytes, place, mark, shape)
        && !is_name(text::part(bytes, place.saturating_add(mark)..end))
    {
        out.push(Match::of(place..end).public(mark));
    }
}

/// Whether the random part of a token is a name: small letters, and signs that join words.
fn is_name(random: &[u8]) -> bool {
    !random.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

macro_rules! token {
    (
        $name:ident, $id:literal, $title:literal, $provider:literal, $confidence:ident,
        [$($mark:literal),+ $(,)?] $([$($piece:expr),* $(,)?])?, $end:expr, $entropy:literal, $action:literal
    ) => {
        pub(super) static $name: Detector = Detector {
            id: $id,
            title: $title,
            provider: Some($provider),
            action: $action,
            style: Style::Token,
            marks: &[$(Mark::text($mark)),+],
            wrapped: true,
            find: |bytes, place, out| {
                const SHAPE: Shape = Shape { pieces: &[$($($piece),*)?], end: $end, entropy: $entropy };
                let before = out.len();
                prefixed(bytes, place, $name.marks, &SHAPE, out);
                for found in out.iter_mut().skip(before) {
                    found.confidence = Confidence::$confidence;
                }
            },
        };
    };
}

token!(
    GITHUB_FINE_GRAINED, "github-fine-grained-token", "GitHub fine-grained token", "GitHub", High,
    ["github_pat_"] [Run(is_alnum, 22, 22), Text("_"), Run(is_alnum, 59, 59)], End::Word, 4.0,
    "Delete the token in the settings of its owner; the audit log of the organization shows its use."
);
token!(
    GOOGLE_API_KEY,
    "google-api-key",
    "Google API key",
    "Google Cloud",
    High,
    ["AIza"][Run(is_url64, 35, 35)],
    End::Not(is_url64),
    3.5,
    "Rotate the key under APIs and services, credentials; restrict the new one."
);
token!(
    GOOGLE_OAUTH_SECRET,
    "google-oauth-client-secret",
    "Google OAuth client secret",
    "Google Cloud",
    High,
    ["GOCSPX-"][Run(is_url64, 28, 28)],
    End::Not(is_url64),
    3.5,
    "Add a new secret to the OAuth client, then disable this one."
);
token!(
    DOCKER_HUB,
    "docker-hub-token",
    "Docker Hub token",
    "Docker Hub",
    High,
    ["dckr_pat_", "dckr_oat_"][Run(is_url64, 27, 32)],
    End::Not(is_url64),
    3.5,
    "Delete the token in the account settings; look for images that were pushed with it."
);
token!(
    DIGITALOCEAN,
    "digitalocean-token",
    "DigitalOcean token",
    "DigitalOcean",
    High,
    ["doo_v1_", "dop_v1_", "dor_v1_"][Run(is_hex, 64, 64)],
    End::Word,
    2.8,
    "Delete the token under API, tokens."
);
token!(
    VAULT,
    "vault-token",
    "HashiCorp Vault token",
    "HashiCorp",
    High,
    ["hvs.", "hvb.", "hvr."][Run(is_url64, 24, 300)],
    End::Not(is_url64),
    3.8,
    "Revoke the token and its children (`vault token revoke`); the audit device shows its use."
);
token!(
    SENDGRID, "sendgrid-key", "SendGrid key", "Twilio", High,
    ["SG."] [Run(is_url64, 22, 22), Text("."), Run(is_url64, 43, 43)], End::Not(is_url64), 3.5,
    "Delete the API key in SendGrid and issue a new one."
);
token!(
    SHOPIFY,
    "shopify-token",
    "Shopify token",
    "Shopify",
    High,
    ["shpat_", "shpca_", "shppa_", "shpss_"][Run(is_any_hex, 32, 32)],
    End::Word,
    2.8,
    "Rotate the credentials of the app."
);
token!(
    HUGGINGFACE,
    "huggingface-token",
    "Hugging Face token",
    "Hugging Face",
    High,
    ["hf_"][Run(|byte| byte.is_ascii_alphabetic(), 34, 34)],
    End::Word,
    3.5,
    "Invalidate and refresh the token in the settings."
);
token!(
    GRAFANA, "grafana-token", "Grafana service account token", "Grafana", High,
    ["glsa_"] [Run(is_alnum, 32, 32), Text("_"), Run(is_hex, 8, 8)], End::Word, 3.5,
    "Delete the token of the service account."
);
token!(
    ATLASSIAN,
    "atlassian-token",
    "Atlassian API token",
    "Atlassian",
    High,
    ["ATATT3xFfGF0"][Run(|byte| is_url64(byte) || byte == b'=', 160, 220)],
    End::Any,
    4.0,
    "Revoke the API token of the account."
);
token!(
    NEWRELIC,
    "newrelic-key",
    "New Relic user key",
    "New Relic",
    High,
    ["NRAK-"][Run(is_upper, 27, 27)],
    End::Word,
    3.0,
    "Delete the user key and create another."
);
token!(
    POSTMAN, "postman-key", "Postman key", "Postman", High,
    ["PMAK-"] [Run(is_hex, 24, 24), Text("-"), Run(is_hex, 34, 34)], End::Word, 2.8,
    "Delete the API key in the account settings."
);

/// Access tokens of Google. Those of service accounts have `c.` behind the mark, and may end in dots.
pub(super) static GOOGLE_OAUTH_TOKEN: Detector = Detector {
    id: "google-oauth-token",
    title: "Google access token",
    provider: Some("Google Cloud"),
    action: "Revoke the grant it came from; access tokens end after an hour.",
    style: Style::Token,
    marks: &[Mark::text("ya29.")],
    wrapped: true,
    find: |bytes, place, out| {
        let kind = place.saturating_add(5);
        let body = text::skip(bytes, kind, b"c.").unwrap_or(kind);
        let end = text::run(bytes, body, is_url64, 1200);
        let dots = text::run(bytes, end, |byte| byte == b'.', 16);
        let whole = if dots.saturating_sub(end) >= 2 { dots } else { end };
        let is_long = end.saturating_sub(body) >= 60;
        if is_long && begins_word(bytes, place) && entropy(text::part(bytes, place..end)) >= 4.0 {
            out.push(Match::of(place..whole).public(5));
        }
    },
};

/// Keys of Mailgun: `key-` and 32 digits. Caches have such keys too, with a name before them.
pub(super) static MAILGUN: Detector = Detector {
    id: "mailgun-key",
    title: "Mailgun key",
    provider: Some("Mailgun"),
    action: "Reset the API key in Mailgun.",
    style: Style::Token,
    marks: &[Mark::text("key-")],
    wrapped: true,
    find: |bytes, place, out| {
        const SHAPE: Shape = Shape { pieces: &[Run(is_hex, 32, 32)], end: End::Word, entropy: 3.0 };
        let is_begin = text::before(bytes, place).is_none_or(|byte| !matches!(byte, b'-' | b'.'));
        if let Some(end) = shaped(bytes, place, 4, &SHAPE).filter(|_| is_begin && begins_word(bytes, place)) {
            out.push(Match::of(place..end).public(4).sure(Confidence::Medium));
        }
    },
};

/// `dapi` and 32 digits, then perhaps a hyphen and a digit.
pub(super) static DATABRICKS: Detector = Detector {
    id: "databricks-token",
    title: "Databricks token",
    provider: Some("Databricks"),
    action: "Revoke the token in the user settings.",
    style: Style::Token,
    marks: &[Mark::text("dapi")],
    wrapped: true,
    find: |bytes, place, out| {
        const SHAPE: Shape = Shape { pieces: &[Run(is_hex, 32, 32)], end: End::Any, entropy: 3.0 };
        let Some(end) = shaped(bytes, place, 4, &SHAPE).filter(|_| begins_word(bytes, place)) else { return };
        let more = match (at(bytes, end), at(bytes, end.saturating_add(1))) {
            (Some(b'-'), Some(b'0'..=b'9')) => end.saturating_add(2),
            _ => end,
        };
        if at(bytes, more).is_none_or(|byte| !is_alnum(byte) && byte != b'-') {
            out.push(Match::of(place..more).public(4));
        }
    },
};

/// Slack's tokens: the first number is that of the workspace, or the version of tokens that are renewed.
pub(super) static SLACK: Detector = Detector {
    id: "slack-token",
    title: "Slack token",
    provider: Some("Slack"),
    action: "Revoke the token in the settings of the app; the access logs of the workspace show its use.",
    style: Style::Token,
    marks: &[
        Mark::text("xoxa-"),
        Mark::text("xoxb-"),
        Mark::text("xoxc-"),
        Mark::text("xoxe-"),
        Mark::text("xoxo-"),
        Mark::text("xoxp-"),
        Mark::text("xoxr-"),
        Mark::text("xoxs-"),
        Mark::text("xapp-"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        const DASHED: Class = |byte| is_alnum(byte) || byte == b'-';
        const TOKEN: Shape = Shape {
            pieces: &[Run(is_digit, 8, 13), Text("-"), Run(DASHED, 16, 200)],
            end: End::Not(DASHED),
            entropy: 2.8,
        };
        const RENEWED: Shape = Shape {
            pieces: &[Run(is_digit, 1, 1), Text("-"), Run(DASHED, 100, 250)],
            end: End::Not(DASHED),
            entropy: 4.0,
        };
        const APP: Shape = Shape {
            pieces: &[
                Run(is_digit, 1, 1),
                Text("-"),
                Run(is_upper, 9, 13),
                Text("-"),
                Run(is_digit, 10, 14),
                Text("-"),
                Run(is_hex, 64, 64),
            ],
            end: End::Not(DASHED),
            entropy: 2.8,
        };
        let shapes: &[&Shape] = if has(bytes, place, b"xapp-") { &[&APP] } else { &[&TOKEN, &RENEWED] };
        let end = shapes.iter().find_map(|shape| shaped(bytes, place, 5, shape));
        if let Some(end) = end.filter(|_| begins_word(bytes, place)) {
            // `xoxe.` before it says that it is renewed.
            let start = place.checked_sub(5).filter(|start| has(bytes, *start, b"xoxe.")).unwrap_or(place);
            let found = Match::of(start..end).public(place.saturating_sub(start).saturating_add(5));
            let secret = text::part(bytes, place..end).rsplit(|byte| *byte == b'-').next().unwrap_or_default();
            // `xxxxxxxx` instead of the secret.
            if secret.len() < 8 || entropy(secret) >= 2.0 {
                out.push(found);
            }
        }
    },
};

/// The secret part of the address of a Slack webhook.
pub(super) static SLACK_WEBHOOK: Detector = Detector {
    id: "slack-webhook",
    title: "Slack webhook",
    provider: Some("Slack"),
    action: "Remove the webhook from the app and add a new one.",
    style: Style::Token,
    marks: &[Mark::text("https://hooks.slack.com/"), Mark::text("https://hooks.slack-gov.com/")],
    wrapped: true,
    find: |bytes, place, out| {
        const fn shape(pieces: &'static [Piece]) -> Shape {
            Shape { pieces, end: End::Not(is_alnum), entropy: 0.0 }
        }
        const SHAPES: [Shape; 3] = [
            shape(&[
                Text("T"),
                Run(is_upper, 8, 12),
                Text("/B"),
                Run(is_upper, 8, 12),
                Text("/"),
                Run(is_alnum, 24, 24),
            ]),
            // Workflows, and what starts them.
            shape(&[
                Text("T"),
                Run(is_upper, 8, 12),
                Text("/A"),
                Run(is_upper, 8, 12),
                Text("/"),
                Run(is_digit, 16, 20),
                Text("/"),
                Run(is_alnum, 24, 24),
            ]),
            shape(&[Run(is_upper, 9, 13), Text("/"), Run(is_digit, 10, 16), Text("/"), Run(is_hex, 32, 32)]),
        ];
        let Some(mark) = SLACK_WEBHOOK.marks.iter().find(|mark| has(bytes, place, mark.bytes())) else { return };
        let path = place.saturating_add(mark.bytes().len());
        let kinds = ["services/", "workflows/", "triggers/"];
        let Some(start) = kinds.iter().find_map(|kind| text::skip(bytes, path, kind.as_bytes())) else { return };
        let Some(end) = SHAPES.iter().find_map(|shape| shaped(bytes, start, 0, shape)) else { return };
        let value = text::part(bytes, start..end);
        let secret = value.rsplit(|byte| *byte == b'/').next().unwrap_or(value);
        let mut found = Match::of(start..end).within(place..end);
        if entropy(secret) < 2.0 {
            found.tags.push("example");
        }
        out.push(found);
    },
};

/// The seed of one-time passwords.
pub(super) static TOTP: Detector = Detector {
    id: "totp-secret",
    title: "Seed of one-time passwords",
    provider: None,
    action: "Enrol the second factor anew.",
    style: Style::Token,
    marks: &[Mark::text("otpauth://")],
    wrapped: true,
    find: |bytes, place, out| {
        let start = place.saturating_add(10);
        let kind = has(bytes, start, b"totp/") || has(bytes, start, b"hotp/");
        let end =
            text::run(bytes, start, |byte| !text::is_break(byte) && !matches!(byte, b'"' | b'\'' | b'<' | b'>'), 400);
        let url = text::part(bytes, start..end);
        let Some(name) = kind.then(|| bstr::ByteSlice::find(url, b"secret=")).flatten() else { return };
        // The sign before it is also written as `&amp;` and `\u0026`.
        let head = text::part(url, 0..name);
        let is_parameter = [b"?".as_slice(), b"&", b"&amp;", b"u0026"].iter().any(|sign| head.ends_with(sign));
        let value = start.saturating_add(name).saturating_add(7);
        let to = text::run(bytes, value, is_base32, 64);
        let seed = text::part(url, name.saturating_add(7)..to.saturating_sub(start));
        if is_parameter && seed.len() >= 16 && entropy(seed) >= 2.5 {
            let label = text::part(url, 5..name.saturating_sub(1));
            let label = label.split(|byte| *byte == b'?').next().unwrap_or_default();
            let whom = String::from_utf8(label.to_vec()).ok();
            let found = Match::of(value..to).within(place..to).of_whom(whom);
            // The seed of most documents.
            out.push(if seed == b"JBSWY3DPEHPK3PXP" { found.tag("example") } else { found });
        }
    },
};

//! Tokens of providers that need a little more than a shape: a checksum, a mark in the middle.

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{
    self, at, before, begins_word, ends_word, entropy, has, is_alnum, is_digit, is_hex, is_url64, part, run, run_back,
};

/// The checksum at the end of GitHub's and npm's tokens: CRC-32 of the 30 characters before it, in base 62.
fn has_checksum(random: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((body, sum)) = random.split_at_checked(30) else { return false };
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).and_then(|place| u64::try_from(place).ok());
    let value = sum.iter().try_fold(0_u64, |value, byte| value.checked_mul(62)?.checked_add(digit(byte)?));
    sum.len() == 6 && value == Some(u64::from(crc32fast::hash(body)))
}

/// 36 letters and digits behind a mark of four.
fn thirty_six(bytes: &[u8], place: usize) -> Option<(usize, bool)> {
    let start = place.checked_add(4)?;
    let end = run(bytes, start, is_alnum, 36);
    let is_whole = end.saturating_sub(start) == 36 && ends_word(bytes, end) && begins_word(bytes, place);
    is_whole.then(|| (end, has_checksum(part(bytes, start..end))))
}

/// Classic tokens of GitHub. A wrong checksum means that it is none.
pub(super) static GITHUB: Detector = Detector {
    id: "github-token",
    title: "GitHub token",
    provider: Some("GitHub"),
    action: "Delete the token in the settings of its owner; the audit log of the organization shows its use.",
    style: Style::Token,
    marks: &[Mark::text("ghp_"), Mark::text("gho_"), Mark::text("ghu_"), Mark::text("ghs_"), Mark::text("ghr_")],
    wrapped: true,
    find: |bytes, place, out| {
        if let Some((end, true)) = thirty_six(bytes, place) {
            out.push(Match::of(place..end).public(4));
        }
    },
};

/// Tokens of npm. They have the same checksum, but old ones may not.
pub(super) static NPM: Detector = Detector {
    id: "npm-token",
    title: "npm token",
    provider: Some("npm"),
    action: "Revoke the token (`npm token revoke`); look for versions that were published with it.",
    style: Style::Token,
    marks: &[Mark::text("npm_")],
    wrapped: true,
    find: |bytes, place, out| {
        let Some((end, is_right)) = thirty_six(bytes, place) else { return };
        let value = part(bytes, place.saturating_add(4)..end);
        // A long identifier is no token.
        if is_right || (value.iter().any(u8::is_ascii_digit) && entropy(value) >= 3.5) {
            let sure = if is_right { Confidence::High } else { Confidence::Low };
            out.push(Match::of(place..end).public(4).sure(sure));
        }
    },
};

/// Secret and restricted keys of Stripe. Publishable keys (`pk_`) are none.
pub(super) static STRIPE: Detector = Detector {
    id: "stripe-key",
    title: "Stripe key",
    provider: Some("Stripe"),
    action: "Roll the key in the dashboard; the request logs show its use.",
    style: Style::Token,
    marks: &[Mark::text("sk_live_"), Mark::text("sk_test_"), Mark::text("rk_live_"), Mark::text("rk_test_")],
    wrapped: true,
    find: |bytes, place, out| {
        let start = place.saturating_add(8);
        let end = run(bytes, start, is_alnum, 247);
        let is_whole = end.saturating_sub(start) >= 24 && ends_word(bytes, end) && begins_word(bytes, place);
        if is_whole && entropy(part(bytes, place..end)) >= 3.5 {
            let found = Match::of(place..end).public(8);
            let is_test = has(bytes, place.saturating_add(3), b"test_");
            out.push(if is_test { found.tag("test_mode") } else { found });
        }
    },
};

/// Tokens of Terraform Cloud: the mark is in the middle.
pub(super) static TERRAFORM: Detector = Detector {
    id: "terraform-token",
    title: "Terraform Cloud token",
    provider: Some("HashiCorp"),
    action: "Delete the token in the settings of the user, team or organization.",
    style: Style::Token,
    marks: &[Mark::text(".atlasv1.")],
    wrapped: true,
    find: |bytes, place, out| {
        let Some(start) = place.checked_sub(14) else { return };
        let behind = place.saturating_add(9);
        let end = run(bytes, behind, is_url64, 71);
        let is_whole = run_back(bytes, place, is_alnum, 14) == start && begins_word(bytes, start);
        let is_length = (60..=70).contains(&end.saturating_sub(behind));
        if is_whole && is_length && entropy(part(bytes, start..end)) >= 3.5 {
            out.push(Match::of(start..end));
        }
    },
};

/// Keys of Mailchimp: 32 digits, and the data centre.
pub(super) static MAILCHIMP: Detector = Detector {
    id: "mailchimp-key",
    title: "Mailchimp key",
    provider: Some("Mailchimp"),
    action: "Disable the API key and create another.",
    style: Style::Token,
    marks: &[Mark::text("-us")],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(start) = place.checked_sub(32) else { return };
        let behind = place.saturating_add(3);
        let end = run(bytes, behind, is_digit, 2);
        let is_whole = run_back(bytes, place, is_hex, 32) == start && begins_word(bytes, start);
        if is_whole && end > behind && ends_word(bytes, end) && entropy(part(bytes, start..place)) >= 2.5 {
            out.push(Match::of(start..end).sure(Confidence::Medium));
        }
    },
};

/// Tokens of Telegram's bots: the id of the bot, and the secret.
pub(super) static TELEGRAM: Detector = Detector {
    id: "telegram-bot-token",
    title: "Telegram bot token",
    provider: Some("Telegram"),
    action: "Revoke the token with @BotFather. Attackers use bots to take data out: look at its chats first.",
    style: Style::Token,
    marks: &[Mark::text(":AA")],
    wrapped: true,
    find: |bytes, place, out| {
        let start = run_back(bytes, place, is_digit, 10);
        let secret = place.saturating_add(1);
        let end = run(bytes, secret, is_url64, 36);
        let is_begin = begins_word(bytes, start) || part(bytes, start.saturating_sub(3)..start) == b"bot";
        let is_whole = place.saturating_sub(start) >= 8 && is_begin && end.saturating_sub(secret) == 35;
        if is_whole && entropy(part(bytes, start..end)) >= 3.8 {
            let whom = std::str::from_utf8(part(bytes, start..place)).ok().map(|id| format!("bot {id}"));
            let public = place.saturating_sub(start).saturating_add(1);
            out.push(Match::of(start..end).public(public).of_whom(whom));
        }
    },
};

/// Keys of `OpenAI`: the mark in the middle is base64 of its name.
pub(super) static OPENAI: Detector = Detector {
    id: "openai-key",
    title: "OpenAI key",
    provider: Some("OpenAI"),
    action: "Delete the key in the project's settings; the usage page shows what it was used for.",
    style: Style::Token,
    // From parts, so that this file is not taken for a secret. Encoded text is not read back as far as long keys begin, so
    // these are looked for by their beginning too.
    marks: &[
        Mark::text(concat!("T3Blbk", "FJ")),
        Mark::text("sk-proj-"),
        Mark::text("sk-svcacct-"),
        Mark::text("sk-admin-"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        let middle: &[u8] = concat!("T3Blbk", "FJ").as_bytes();
        let (start, place) = if has(bytes, place, middle) {
            let from = run_back(bytes, place, is_url64, 96);
            let is_start = |start: usize| has(bytes, start, b"sk-") && begins_word(bytes, start);
            let Some(start) = (from..place).find(|start| is_start(*start)) else { return };
            (start, place)
        } else {
            let end = run(bytes, place, is_url64, 112);
            let Some(at) = bstr::ByteSlice::find(part(bytes, place..end), middle) else { return };
            (place, place.saturating_add(at))
        };
        let behind = place.saturating_add(8);
        let end = run(bytes, behind, is_url64, 80);
        let kinds = ["proj-", "svcacct-", "admin-"];
        let body = start.saturating_add(3);
        let body = kinds.iter().find_map(|kind| text::skip(bytes, body, kind.as_bytes())).unwrap_or(body);
        let is_whole = (20..=80).contains(&place.saturating_sub(body)) && end.saturating_sub(behind) >= 20;
        let is_random = entropy(part(bytes, body..place)) >= 3.0 && entropy(part(bytes, behind..end)) >= 3.0;
        if is_whole && is_random && begins_word(bytes, start) {
            out.push(Match::of(start..end).public(body.saturating_sub(start)));
        }
    },
};

/// Keys of Anthropic.
pub(super) static ANTHROPIC: Detector = Detector {
    id: "anthropic-key",
    title: "Anthropic key",
    provider: Some("Anthropic"),
    action: "Delete the key in the console; the usage page shows what it was used for.",
    style: Style::Token,
    marks: &[Mark::text("sk-ant-")],
    wrapped: true,
    find: |bytes, place, out| {
        let kind = place.saturating_add(7);
        let kinds = ["api", "admin", "sid", "oat"];
        let Some(number) = kinds.iter().find_map(|word| text::skip(bytes, kind, word.as_bytes())) else { return };
        let dash = run(bytes, number, is_digit, 2);
        let body = dash.saturating_add(1);
        let end = run(bytes, body, is_url64, 123);
        let len = end.saturating_sub(body);
        let is_whole = dash.saturating_sub(number) == 2
            && at(bytes, dash) == Some(b'-')
            && (82..=122).contains(&len)
            && before(bytes, end) == Some(b'A')
            && before(bytes, end.saturating_sub(1)) == Some(b'A');
        if is_whole && begins_word(bytes, place) && entropy(part(bytes, body..end)) >= 3.5 {
            out.push(Match::of(place..end).public(body.saturating_sub(place)));
        }
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_crc32_in_base_62() {
        let zeros = "0".repeat(30);
        let mut sum = crc32fast::hash(zeros.as_bytes());
        let digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".as_bytes();
        let mut text = String::new();
        for _ in 0..6 {
            text.insert(0, char::from(digits[usize::try_from(sum % 62).unwrap()]));
            sum /= 62;
        }
        assert!(has_checksum(format!("{zeros}{text}").as_bytes()));
        assert!(!has_checksum(format!("{zeros}{}", "000000").as_bytes()));
    }
}

//! Tokens and webhooks of Discord.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, begins_word, is_digit, is_url64, part, run, run_back};

/// The secret part of the address of a webhook.
pub(super) static WEBHOOK: Detector = Detector {
    id: "discord-webhook",
    title: "Discord webhook",
    provider: Some("Discord"),
    action: "Delete the webhook. Attackers use such addresses to take data out: look at the channel first.",
    style: Style::Token,
    marks: &[Mark::text(".com/api/webhooks/")],
    wrapped: true,
    find: |bytes, place, out| {
        let host = run_back(bytes, place, |byte| byte.is_ascii_lowercase() || byte == b'.', 32);
        let name = part(bytes, host..place);
        let name = name.strip_suffix(b"discordapp").or_else(|| name.strip_suffix(b"discord"));
        let sub = name.and_then(|sub| if sub.is_empty() { Some(sub) } else { sub.strip_suffix(b".") });
        let is_host = sub.is_some_and(|sub| sub.is_empty() || (2..=8).contains(&sub.len()) && !sub.contains(&b'.'));
        let scheme = part(bytes, host.saturating_sub(8)..host) == b"https://";
        let start = place.saturating_add(18);
        let slash = run(bytes, start, is_digit, 21);
        let secret = slash.saturating_add(1);
        let end = run(bytes, secret, is_url64, 72);
        let is_shape = (17..=20).contains(&slash.saturating_sub(start))
            && at(bytes, slash) == Some(b'/')
            && end.saturating_sub(secret) >= 60;
        if is_host && scheme && is_shape {
            let whom = std::str::from_utf8(part(bytes, start..slash)).ok().map(|id| format!("webhook {id}"));
            let public = secret.saturating_sub(start);
            out.push(Match::of(start..end).within(host.saturating_sub(8)..end).public(public).of_whom(whom));
        }
    },
};

/// Tokens of bots: the id of the bot in base64, a time, a signature. No text is the same in all of them, but the id is
/// digits, so only some groups of three characters can be at the beginning.
pub(super) static BOT_TOKEN: Detector = Detector {
    id: "discord-bot-token",
    title: "Discord bot token",
    provider: Some("Discord"),
    action: "Reset the token of the bot in the developer portal.",
    style: Style::Token,
    marks: &MARKS,
    wrapped: false,
    find: |bytes, place, out| {
        let dot = run(bytes, place, is_url64, 29);
        let second = run(bytes, dot.saturating_add(1), is_url64, 7);
        let third = second.saturating_add(1);
        let end = run(bytes, third, is_url64, 39);
        let is_shape = (24..=28).contains(&dot.saturating_sub(place))
            && at(bytes, dot) == Some(b'.')
            && second.saturating_sub(dot) == 7
            && at(bytes, second) == Some(b'.')
            && (27..=38).contains(&end.saturating_sub(third))
            && at(bytes, end) != Some(b'.')
            && begins_word(bytes, place);
        let id = is_shape.then(|| text::base64url(part(bytes, place..dot))).flatten();
        let id = id.filter(|id| (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit));
        if let Some(id) = id.and_then(|id| String::from_utf8(id).ok()) {
            out.push(Match::of(place..end).of_whom(Some(format!("bot {id}"))));
        }
    },
};

/// Base64 of two digits and the high half of a third.
static MARKS: [Mark; 120] = {
    let mut marks = [Mark::Exact(b""); 120];
    let mut place = 0;
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler checks constants")]
    while place < 120 {
        marks[place] = Mark::Exact(GROUPS[place].as_slice());
        place += 1;
    }
    marks
};

static GROUPS: [[u8; 3]; 120] = {
    let (first, second, third) = (*b"MNO", *b"DTjz", *b"AEIMQUYcgk");
    let mut groups = [[0; 3]; 120];
    let mut place = 0;
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler checks constants")]
    while place < 120 {
        groups[place] = [first[place / 40], second[place / 10 % 4], third[place % 10]];
        place += 1;
    }
    groups
};
